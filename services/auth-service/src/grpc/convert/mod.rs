//! Between messages and the types of the use cases.

mod answers;
mod requests;
mod sessions;

pub use self::{
    answers::limited,
    requests::{event_query, user_page, uuid},
};
