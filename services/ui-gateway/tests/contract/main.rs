//! The document of the API, as callers of a release rely on it.

mod comparison;
mod operation;
mod released;
mod rules;
mod schema;
