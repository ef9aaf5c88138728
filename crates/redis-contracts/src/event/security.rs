//! Data of the events of accounts and sessions. No secret and no password is among it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that happened to an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// Whose account; none for an address that nobody has.
    pub user_id: Option<Uuid>,
    /// The session it happened in or to, if there is one.
    pub session_id: Option<Uuid>,
    /// The client's `User-Agent`, where one is known.
    pub agent: Option<String>,
    /// The client's address, where one is known.
    pub address: Option<String>,
    /// What else there is to say, for people: the name of a token, the new roles.
    pub detail: Option<String>,
}
