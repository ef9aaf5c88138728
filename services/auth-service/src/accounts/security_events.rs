//! What happened to accounts.

use redis_contracts::{Position, event::Event};
use service_kit::{Problem, page::Limit};

use super::{Listing, Parts};
use crate::store::{EventFilter, Store};

/// Finds security events.
pub struct SecurityEvents {
    store: Store,
}

impl SecurityEvents {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
        }
    }

    /// Those of a filter, whose type may be a short name; newest first.
    pub async fn find(
        &self,
        asked: EventFilter,
        limit: Limit,
    ) -> Result<Listing<(Position, Event)>, Problem> {
        let filter = EventFilter {
            type_name: full_type(&asked.type_name)?,
            ..asked
        };
        let events = self.store.events(&filter, limit.to_read()).await?;
        Ok(Listing::cut(limit, events, |(position, _)| {
            position.to_string()
        }))
    }
}

/// `signed_in` is short for `devmentor.security.signed_in.v1`.
fn full_type(name: &str) -> Result<String, Problem> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    if !name.bytes().all(plain) {
        return Err(Problem::invalid_field(
            "type",
            "a type such as signed_in, or devmentor.security.signed_in.v1",
        ));
    }
    if name.is_empty() || name.contains('.') {
        Ok(name.to_owned())
    } else {
        Ok(format!("devmentor.security.{name}.v1"))
    }
}
