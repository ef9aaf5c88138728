//! What a request may hold, declared once by a type: its JSON schema is what the document shows, the
//! [`Shape`] compiled from it finds all that is wrong at once, and serde builds the value from what fits.
//!
//! A shape is compiled when the route table is made, so a schema that it cannot check is a fault of the
//! start and never of a request.

mod day;
mod json;
mod optional;
mod page;
mod place;
mod query;
mod read;
mod shape;
mod shapes;

pub(crate) use self::{
    day::Day,
    optional::Optional,
    page::{Limit, PageQuery},
    query::read_query,
    read::read_json,
    shape::{Shape, UnknownForm},
    shapes::{Declared, Shapes},
};
