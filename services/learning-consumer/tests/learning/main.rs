//! The worker as a process, alone with one streams Redis.

mod alone;
mod chaos;
mod groups;
mod lone;
mod slips;
mod style;

use std::collections::BTreeMap;

use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use test_kit::{PATIENCE, RedisServer, ServiceProcess, eventually, free_port};
use uuid::Uuid;

const FEEDBACK: &str = "user:feedback";
const INTERACTIONS: &str = "user:interactions";
const GROUP: &str = "learning-group";

/// A worker on one streams Redis; where it was given a cache Redis, that one and auth-service are not there.
struct Worker {
    process: ServiceProcess,
    ops_port: u16,
    grpc_port: u16,
}

impl Worker {
    async fn start(redis: &RedisServer) -> Self {
        let nowhere = format!("redis://127.0.0.1:{}", free_port());
        Self::start_with(redis, Some(("REDIS__CACHE__URL", nowhere))).await
    }

    async fn start_alone(redis: &RedisServer) -> Self {
        Self::start_with(redis, None).await
    }

    async fn start_with(redis: &RedisServer, more: Option<(&str, String)>) -> Self {
        let (ops_port, grpc_port) = (free_port(), free_port());
        let environment = [
            ("REDIS__STREAMS__URL", redis.url()),
            ("OPS__ADDR", format!("127.0.0.1:{ops_port}")),
            ("GRPC__ADDR", format!("127.0.0.1:{grpc_port}")),
        ];
        let environment = environment.into_iter().chain(more);
        let environment = environment
            .map(|(name, value)| (format!("DEVMENTOR__{name}"), value))
            .collect();
        let mut worker = Self {
            process: ServiceProcess::spawn("learning-consumer", environment),
            ops_port,
            grpc_port,
        };
        worker.process.wait_ready(ops_port).await;
        worker
    }

    /// The line of a metric, without its name.
    async fn metric(&self, name: &str) -> Option<f64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.ops_port);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    }
}

/// A `feedback.given` event as others may write it.
fn feedback(user_id: Uuid, rating: u8, style: Value) -> Value {
    event(
        "devmentor.feedback.given.v1",
        user_id,
        json!({
            "target_type": "mentor_reply", "target_id": Uuid::now_v7(), "user_id": user_id,
            "rating": rating, "tags": ["clear"], "style": style, "propensity": 0.25
        }),
    )
}

fn event(type_name: &str, actor: Uuid, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": "/somebody", "type": type_name,
        "subject": "reply/x", "time": "2026-01-01T00:00:00Z", "actor": actor, "data": data
    })
}

async fn append(connection: &mut MultiplexedConnection, stream: &str, event: &str) -> String {
    connection
        .xadd(stream, "*", &[("event", event)])
        .await
        .expect("an entry")
}

async fn profile(
    connection: &mut MultiplexedConnection,
    user_id: Uuid,
) -> BTreeMap<String, String> {
    let key = format!("learning:profile:{user_id}");
    connection.hgetall(key).await.expect("a hash")
}

/// Waits until a group has neither lag nor anything pending.
async fn settled(redis: &RedisServer, stream: &str) {
    let mut connection = redis.connect().await;
    eventually(&format!("{stream} is settled"), PATIENCE, async || {
        let mut command = redis::cmd("XINFO");
        command.arg("GROUPS").arg(stream);
        let groups: Vec<BTreeMap<String, redis::Value>> = command
            .query_async(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        let done = |group: &BTreeMap<String, redis::Value>| {
            ["lag", "pending"]
                .iter()
                .all(|name| group[*name] == redis::Value::Int(0))
        };
        match &groups[..] {
            [group] if done(group) => Ok(()),
            groups => Err(format!("{groups:?}")),
        }
    })
    .await;
}
