//! Every route of the API: its path, its methods, and who may call them.

mod accounts;
mod platform;
mod work;

use super::route::Path;
use crate::contract::{Shapes, UnknownForm};

/// All routes, the busiest first: they are tried in this order.
pub(super) fn table() -> Vec<Path> {
    let areas = [
        accounts::own_account(),
        work::tasks(),
        work::projects(),
        work::mentor(),
        accounts::signing_in(),
        accounts::own_sessions(),
        accounts::own_keys(),
        platform::platform(),
        platform::admins(),
    ];
    areas.into_iter().flatten().collect()
}

/// The shapes of all that the routes read.
pub(crate) fn shapes() -> Result<Shapes, UnknownForm> {
    let paths = table();
    let operations = paths.iter().flat_map(Path::operations);
    Shapes::compile(operations.flat_map(|(_, doc)| doc.declared()))
}
