//! From a stream's group to a channel, with nothing in between.

use std::collections::HashMap;

use redis::Commands as _;

use super::consumers::{Entries, read_command};

/// The stream that is read.
pub const RELAYED: &str = "bench:relayed";

const GROUP: &str = "bench";

/// Publishes and acknowledges each entry, over one connection.
pub(super) fn run(redis_url: &str, channel: &str) -> anyhow::Result<()> {
    let mut redis = redis::Client::open(redis_url)?.get_connection()?;
    let () = redis.xgroup_create_mkstream(RELAYED, GROUP, "0")?;
    let read = read_command(RELAYED, GROUP);
    loop {
        let entries: Entries<HashMap<String, String>> = read.query(&mut redis)?;
        let mut settle = redis::pipe();
        let Some(entries) = entries else {
            continue;
        };
        for (_, entries) in entries {
            for (id, fields) in entries {
                let event = fields.into_values().next().unwrap_or_default();
                settle.publish(channel, event).ignore();
                settle.xack(RELAYED, GROUP, &[id]).ignore();
            }
        }
        settle.exec(&mut redis)?;
    }
}
