//! Somebody who listens, and comes back with the last position whenever the socket is gone.

use std::{sync::atomic::Ordering, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use test_kit::{Live, Lost, Person, eventually};

use super::{LONG, Scene};
use crate::log::{Recorded, recorded, topic};

/// A quiet topic this long after the end is a topic without news.
const QUIET: Duration = Duration::from_secs(3);

pub(super) struct Reader<'a> {
    base_url: &'a str,
    token: &'a str,
    topic: String,
    heard: Vec<Recorded>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(base_url: &'a str, person: &'a Person, project: &Value) -> Self {
        Self {
            base_url,
            token: &person.token,
            topic: topic(project),
            heard: Vec::new(),
        }
    }

    /// Listens until it is over and nothing comes any more; gives what was heard.
    pub(super) async fn read(mut self, seed: u64, scene: &Scene) -> Vec<Recorded> {
        let mut dice = StdRng::seed_from_u64(seed);
        loop {
            let connect = async || Live::connect(self.base_url, self.token).await;
            let mut live = eventually("a socket", LONG, connect).await;
            let leaves_after = dice.random_range(10..400);
            if self.listen(&mut live, leaves_after, scene).await {
                return self.heard;
            }
        }
    }

    /// Listens on one socket. `true` when it is over.
    async fn listen(&mut self, live: &mut Live, leaves_after: usize, scene: &Scene) -> bool {
        self.subscribe(live).await;
        for _ in 0..leaves_after {
            let was_over = scene.over.load(Ordering::Relaxed);
            let frame = match live.next_within(QUIET).await {
                Ok(frame) => frame,
                Err(Lost::Silent) if was_over => return true,
                Err(Lost::Silent) => continue,
                Err(_) => return false,
            };
            match frame["type"].as_str() {
                Some("event") => self.heard.push(recorded(&frame)),
                Some("subscribed") => assert_eq!(frame["gap"], false, "{frame}"),
                Some("resync") => self.subscribe(live).await,
                Some("status") => {}
                // Who may see the topic could not be asked; come back.
                Some("error") => {
                    let code = frame["code"].as_str().unwrap_or_default();
                    assert!(
                        ["unavailable", "deadline_exceeded"].contains(&code),
                        "{frame}"
                    );
                    return false;
                }
                _ => panic!("{frame}"),
            }
        }
        false
    }

    async fn subscribe(&self, live: &mut Live) {
        let after = self.heard.last().map_or("0-0", |last| &last.position);
        live.subscribe(&self.topic, Some(after)).await;
    }
}
