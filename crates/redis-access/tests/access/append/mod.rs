//! The script that appends: each event once, in order, under its own ID, or nothing at all.

mod recovery;
mod rules;

use redis_access::{AccessError, Entry};
use redis_contracts::{
    Key, PROJECT_TIMELINE, PROJECTS, Position, Streams,
    event::Event,
    keys::{OUTBOX, OUTBOX_PRODUCER_PROJECTS},
    script::{Append, AppendReply, Hearing, append_project_events},
};
use serde_json::json;
use test_kit::RedisServer;
use uuid::{Uuid, uuid};

use crate::Reached;

const ONE: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000001");
const TWO: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000002");

/// Positions of the tests lie in the future: nothing is trimmed for its age.
const BASE_MS: u64 = 4_000_000_000_000;

struct Log {
    reached: Reached<Streams>,
    server: RedisServer,
}

impl Log {
    async fn new() -> Self {
        let server = RedisServer::streams().await;
        let reached = Reached::at(&server.url()).await;
        Self { reached, server }
    }

    /// Appends and gives whether it was, and the position held then.
    async fn append(
        &self,
        held: Position,
        events: &[Append],
    ) -> Result<(bool, Position), AccessError> {
        Ok(match self.answer(held, events).await? {
            AppendReply::Appended(held) => (true, held),
            AppendReply::Elsewhere(held) => (false, held),
            AppendReply::InTheWay(last) => panic!("{last} is in the way"),
        })
    }

    async fn answer(&self, held: Position, events: &[Append]) -> Result<AppendReply, AccessError> {
        let call = append_project_events(held, events, Hearing::Live);
        let (code, position): (u8, String) = self.reached.pool.invoke(&call).await?;
        Ok(AppendReply::of((code, &position)).expect("an answer"))
    }

    async fn entries(&self, stream: &Key<Streams, Event>) -> Vec<Entry> {
        let read = self
            .reached
            .pool
            .entries_from(stream, Position::START, 10_000);
        read.await.expect("XRANGE")
    }

    /// Positions in the stream, in the timeline of the first project, and in that of the second.
    async fn positions(&self) -> [Vec<Position>; 3] {
        let mut all = [vec![], vec![], vec![]];
        let streams = [
            PROJECTS.key(()),
            PROJECT_TIMELINE.key(ONE),
            PROJECT_TIMELINE.key(TWO),
        ];
        for (positions, stream) in all.iter_mut().zip(streams) {
            *positions = self
                .entries(&stream)
                .await
                .iter()
                .map(|entry| entry.position)
                .collect();
        }
        all
    }

    async fn held(&self) -> Option<Position> {
        let key = OUTBOX.key(OUTBOX_PRODUCER_PROJECTS);
        self.reached.pool.get(&key).await.expect("GET")
    }

    async fn run(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command
            .query_async(&mut self.server.connect().await)
            .await
            .expect("a command")
    }
}

fn at(step: u64) -> Position {
    match step {
        0 => Position::START,
        _ => Position::new(BASE_MS + step, 0),
    }
}

fn event(step: u64, project_id: Uuid) -> Append {
    Append {
        position: at(step),
        project_id,
        event: json!({"step": step, "text": "\"\u{e9}\n"}).to_string(),
    }
}
