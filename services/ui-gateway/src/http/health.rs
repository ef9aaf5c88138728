//! The platform's health, from what is known.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header::RETRY_AFTER};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::Call,
    reply::{Answer, Reply, ResponseDoc},
};
use crate::{
    SERVICE,
    platform::{HealthSnapshot, Platform, SERVICES},
};

/// How the platform is.
#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
    services: BTreeMap<&'static str, Component>,
    redis: Redis,
    database: BTreeMap<&'static str, Component>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ComponentHealth")]
struct Component {
    status: &'static str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RedisHealth")]
struct Redis {
    cache: Component,
    streams: Streams,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StreamsHealth")]
struct Streams {
    status: &'static str,
    backlog: Option<u64>,
}

/// Anyone.
pub(super) async fn read(call: Call) -> Answer<HealthReply> {
    let platform = &call.state.platform;
    let health = health(platform, &platform.snapshot().await);
    Ok(HealthReply(health))
}

/// 200, or 503 while the platform is down.
pub(super) struct HealthReply(Health);

impl Reply for HealthReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![
            ResponseDoc::json::<Health>(200),
            ResponseDoc::json::<Health>(503).with(&["Retry-After"]),
        ]
    }

    fn respond(self) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        if self.0.status == "down" {
            answer = HttpResponse::ServiceUnavailable();
            answer.insert_header((RETRY_AFTER, 1));
        }
        answer.json(self.0)
    }
}

fn health(platform: &Platform, snapshot: &HealthSnapshot) -> Health {
    let auth_database = snapshot.auth.as_ref().is_some_and(|auth| auth.database_ok);
    let project_database = snapshot
        .project
        .as_ref()
        .is_some_and(|project| project.database_ok);
    let reached = snapshot.auth.is_some() && snapshot.project.is_some();
    let redis = platform.cache() == "ok" && platform.streams() == "ok";
    let rest = redis && auth_database && project_database && snapshot.is_whole();
    let asked = SERVICES.map(|(name, answered)| (name, component(answered(snapshot))));
    Health {
        status: match (reached, rest) {
            (false, _) => "down",
            (true, false) => "degraded",
            (true, true) => "ok",
        },
        version: SERVICE.version,
        services: asked
            .into_iter()
            .chain([(SERVICE.name, component(true))])
            .collect(),
        redis: Redis {
            cache: Component {
                status: platform.cache(),
            },
            streams: Streams {
                status: platform.streams(),
                backlog: snapshot.project.as_ref().map(|project| project.backlog),
            },
        },
        database: BTreeMap::from([
            ("auth", component(auth_database)),
            ("project", component(project_database)),
        ]),
    }
}

const fn component(is_there: bool) -> Component {
    Component {
        status: if is_there { "ok" } else { "down" },
    }
}
