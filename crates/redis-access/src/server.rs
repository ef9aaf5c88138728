//! What is learned of the server at the other end: which one it is, and whether it takes writes.

use redis::{Cmd, FromRedisValue, RedisError, Value as Reply, aio::MultiplexedConnection};
use redis_contracts::Instance;

use crate::{AccessError, error::Trouble};

/// The server that answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// Another one at each start; unknown where the user may not ask.
    run_id: Option<String>,
    /// Why it takes no writes; reads go on.
    pub(crate) refusal: Option<&'static str>,
}

impl Server {
    /// Asks a connection in one go. Fails where it does not lead to a master that answers.
    pub(crate) async fn ask(
        instance: Instance,
        connection: &MultiplexedConnection,
    ) -> Result<Self, AccessError> {
        let (mut first, mut second, mut third) =
            (connection.clone(), connection.clone(), connection.clone());
        let hello = redis::cmd("HELLO");
        let info = redis::cmd("INFO").arg("server").to_owned();
        // Writes nothing, also where there is no such key, and is refused like any other write.
        let write = redis::cmd("SETRANGE").arg("").arg(0).arg("").to_owned();
        let (hello, info, write) = tokio::join!(
            allowed::<Reply>(instance, &hello, &mut first),
            allowed::<Reply>(instance, &info, &mut second),
            write.query_async::<Reply>(&mut third),
        );
        if role(&hello?).is_some_and(|role| role != "master") {
            return Err(AccessError::lost(
                instance,
                "it is a replica, which takes no writes",
            ));
        }
        Ok(Self {
            run_id: run_id(info?),
            refusal: refusal(instance, write.err())?,
        })
    }

    /// Fails when it is not the one of before, as after a failover that the connection survived.
    pub(crate) fn must_be(&self, before: &Self, instance: Instance) -> Result<(), AccessError> {
        match (&self.run_id, &before.run_id) {
            (Some(now), Some(before)) if now != before => Err(AccessError::lost(
                instance,
                "another server answers at its address",
            )),
            _ => Ok(()),
        }
    }
}

/// The answer, or nothing where the server does not let this user ask.
async fn allowed<T: FromRedisValue>(
    instance: Instance,
    command: &Cmd,
    connection: &mut MultiplexedConnection,
) -> Result<Option<T>, AccessError> {
    match command.query_async(connection).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match AccessError::from_redis(instance, &error) {
            lost if matches!(lost.trouble(), Some(Trouble::Refusing) | None) => Ok(None),
            lost => Err(lost),
        },
    }
}

fn role(hello: &Option<Reply>) -> Option<String> {
    let Some(Reply::Map(fields)) = hello else {
        return None;
    };
    let is_role = |name: &Reply| text(name).is_some_and(|name| name == "role");
    let (_, role) = fields.iter().find(|(name, _)| is_role(name))?;
    text(role)
}

fn run_id(info: Option<Reply>) -> Option<String> {
    let info = text(&info?)?;
    let line = info.lines().find_map(|line| line.strip_prefix("run_id:"));
    line.map(|id| id.trim().to_owned())
}

fn text(reply: &Reply) -> Option<String> {
    redis::from_redis_value_ref(reply).ok()
}

/// Why a write was refused. A user who may not write just there may write what the contract declares.
fn refusal(
    instance: Instance,
    error: Option<RedisError>,
) -> Result<Option<&'static str>, AccessError> {
    let Some(error) = error else { return Ok(None) };
    let refused = match error.code() {
        Some("OOM") => "it is full and takes no writes; delete something or raise its maxmemory",
        Some("MISCONF") => "it cannot save to its disk and takes no writes; its log says why",
        Some("NOREPLICAS") => "too few replicas follow it, so that it takes no writes",
        _ => {
            let error = AccessError::from_redis(instance, &error);
            let is_serious = matches!(
                error.trouble(),
                Some(Trouble::Lost | Trouble::Silent | Trouble::NotYet)
            );
            return if is_serious { Err(error) } else { Ok(None) };
        }
    };
    Ok(Some(refused))
}
