//! What the mentor says. The golden files of `tests/golden` are read as a person would read them when they
//! change; `GOLDEN=write` writes them.

mod golden;
mod rules;
mod sample;
