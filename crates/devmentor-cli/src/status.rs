//! `devmentor status` and `devmentor health`: what `GET /api/health` tells, or the Redis of a worker that runs
//! alone.

use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::Api,
    output::{self, Usage},
    source::Source,
};

const OK: &str = "ok";

/// A part of the platform and its status.
struct Part {
    name: String,
    status: String,
}

/// A table of all parts; exit 1 unless all is ok.
pub(crate) async fn table(source: &Source, as_json: bool) -> anyhow::Result<ExitCode> {
    let health = match source {
        Source::Platform(api) => read(api).await?,
        Source::Redis(direct) => direct.health().await?,
    };
    let overall = status_of(&health);
    if as_json {
        output::document(&health);
    } else {
        let rows: Vec<_> = parts(&health)
            .into_iter()
            .map(|part| [part.name, part.status])
            .collect();
        output::answer(&output::table(["part", "status"], &rows));
        output::answer(&format!(
            "\nDevMentor {} is {overall}.",
            health["version"].as_str().unwrap_or("?")
        ));
        let faults = health["faults"].as_array().into_iter().flatten();
        let faults = faults.filter_map(Value::as_str);
        faults.for_each(output::tell);
    }
    Ok(exit_code(&overall))
}

/// The status of one part or of all; exit 1 unless it is ok.
pub(crate) async fn health(
    api: &Api,
    name: Option<&str>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let health = read(api).await?;
    let status = match name {
        None => status_of(&health),
        Some(name) => find(parts(&health), name)?,
    };
    if as_json {
        output::document(&json!({"name": name, "status": status}));
    } else {
        output::answer(&status);
    }
    Ok(exit_code(&status))
}

fn find(parts: Vec<Part>, name: &str) -> anyhow::Result<String> {
    let names = parts
        .iter()
        .map(|part| part.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let unknown = || Usage(format!("{name} is not known; there are {names}"));
    let found = parts.into_iter().find(|part| part.name == name);
    Ok(found.with_context(unknown)?.status)
}

/// The document; its status is 503 when the platform is down, and it is told all the same.
async fn read(api: &Api) -> anyhow::Result<Value> {
    let response = api
        .send_any(api.anonymous(Method::GET, "/api/health"))
        .await?;
    let status = response.status();
    let health: Value = response.json().await.unwrap_or_default();
    anyhow::ensure!(
        health["services"].is_object(),
        "GET /api/health answered {status}; is it DevMentor?"
    );
    Ok(health)
}

fn parts(health: &Value) -> Vec<Part> {
    let sections = [
        ("services", ""),
        ("redis", "redis-"),
        ("database", "database-"),
    ];
    let of_section = |(section, prefix): (&str, &str)| {
        let members = health[section].as_object().into_iter().flatten();
        let part = |(name, value): (&String, &Value)| Part {
            name: format!("{prefix}{name}"),
            status: status_of(value),
        };
        members.map(part).collect::<Vec<_>>()
    };
    sections.into_iter().flat_map(of_section).collect()
}

fn status_of(value: &Value) -> String {
    value["status"].as_str().unwrap_or("unknown").to_owned()
}

fn exit_code(status: &str) -> ExitCode {
    ExitCode::from(u8::from(status != OK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_named_and_an_unknown_one_is_wrong_usage() {
        let health = json!({
            "status": "degraded", "services": {"auth-service": {"status": "ok"}},
            "redis": {"streams": {"status": "down", "backlog": 3}}, "database": {"auth": {"status": "ok"}},
        });
        let names: Vec<_> = parts(&health).into_iter().map(|part| part.name).collect();
        assert_eq!(names, ["auth-service", "redis-streams", "database-auth"]);
        assert_eq!(
            find(parts(&health), "redis-streams").expect("known"),
            "down"
        );
        let error = find(parts(&health), "redis").expect_err("unknown");
        assert!(error.is::<Usage>() && error.to_string().contains("auth-service"));
    }
}
