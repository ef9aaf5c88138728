//! Every route of the API: its path, its methods, who may call them, and what they take.

mod accounts;
mod platform;
mod work;

use super::route::Path;

/// Parameters of a page.
const PAGE: &[&str] = &["limit", "cursor"];

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
