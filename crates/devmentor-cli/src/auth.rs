//! `devmentor auth`: the keys of access tokens, as an admin.

use std::process::ExitCode;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::{api::Api, arguments::AuthCommand, output};

#[derive(Deserialize)]
struct Rotated {
    kid: String,
    signs_from: String,
}

/// Runs one of its commands.
pub(crate) async fn run(
    api: &Api,
    command: AuthCommand,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        AuthCommand::RotateKeys => rotate(api, as_json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(api: &Api, as_json: bool) -> anyhow::Result<()> {
    let request = api.request(Method::POST, "/api/admin/keys/rotate").await?;
    let Rotated { kid, signs_from } = api.fetch(request).await?;
    if as_json {
        output::document(&json!({"kid": kid, "signs_from": signs_from}));
    } else {
        output::answer(&format!(
            "Key {kid} is published and signs from {signs_from} on; tokens of the key before it stay good."
        ));
    }
    Ok(())
}
