//! `devmentor user`: accounts, as an admin.

use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    api::{Api, Page, password_in},
    arguments::UserCommand,
    generated, output,
};

/// Runs one of its commands.
pub(crate) async fn run(
    api: &Api,
    command: UserCommand,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Create {
            email,
            handle,
            password_file,
            admin,
        } => {
            let given = password_file.as_deref().map(password_in).transpose()?;
            create(api, &email, &handle, given, admin, as_json).await?;
        }
        UserCommand::Promote { email } => {
            let user = promote(api, &email).await?;
            show(as_json, &user, &format!("{email} is an admin."));
        }
        UserCommand::List => list(api, as_json).await?,
        UserCommand::Unlock { email } => {
            let user = unlock(api, &email).await?;
            show(as_json, &user, &format!("{email} can sign in again."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(
    api: &Api,
    email: &str,
    handle: &str,
    given: Option<SecretString>,
    admin: bool,
    as_json: bool,
) -> anyhow::Result<()> {
    let generated = given.is_none();
    let password = given.unwrap_or_else(generated::password);
    let body = json!({"email": email, "handle": handle, "password": password.expose_secret()});
    // As an admin: where registration is closed, nobody else may.
    let request = api.request(Method::POST, "/api/auth/register").await?;
    let mut answer: Value = api.fetch(request.json(&body)).await?;
    // Else the address has to be proven first. Who has the address already must not become an admin by this.
    let is_there = answer["user"].is_object();
    if admin && is_there {
        answer["user"] = promote(api, email).await?;
    }
    let mut told = match (is_there, admin) {
        (true, _) => format!("{email} can sign in."),
        (false, false) => format!("A mail to {email} says how it goes on."),
        (false, true) => format!(
            "A mail to {email} says how it goes on. Then make them an admin: devmentor user promote {email}"
        ),
    };
    if generated {
        answer["password"] = password.expose_secret().into();
        told = format!(
            "{told} Password, shown only here: {}",
            password.expose_secret()
        );
    }
    show(as_json, &answer, &told);
    Ok(())
}

async fn promote(api: &Api, email: &str) -> anyhow::Result<Value> {
    let user = find(api, email).await?;
    let path = format!("/api/admin/users/{}", id(&user)?);
    let request = api.request(Method::PATCH, &path).await?;
    api.fetch(request.json(&json!({"roles": ["user", "admin"]})))
        .await
}

async fn unlock(api: &Api, email: &str) -> anyhow::Result<Value> {
    let user = find(api, email).await?;
    let path = format!("/api/admin/users/{}/unlock", id(&user)?);
    let request = api.request(Method::POST, &path).await?;
    api.send(request).await?;
    Ok(user)
}

async fn find(api: &Api, email: &str) -> anyhow::Result<Value> {
    let request = api
        .request(Method::GET, "/api/admin/users")
        .await?
        .query(&[("email", email)]);
    let found: Page<Value> = api.fetch(request).await?;
    found
        .items
        .into_iter()
        .next()
        .with_context(|| format!("there is no account of {email}; `devmentor user list` shows all"))
}

fn id(user: &Value) -> anyhow::Result<&str> {
    let id = user["id"].as_str();
    id.context("the platform lists an account without an id")
}

async fn list(api: &Api, as_json: bool) -> anyhow::Result<()> {
    let mut users = Vec::<Value>::new();
    api.pages("/api/admin/users", |page: Vec<Value>| {
        users.extend(page);
        false
    })
    .await?;
    if as_json {
        output::document(&json!({"items": users}));
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = users.iter().map(|user| {
        let roles = user["roles"]
            .as_array()
            .into_iter()
            .flatten()
            .map(text)
            .collect::<Vec<_>>();
        [
            text(&user["email"]),
            text(&user["handle"]),
            roles.join(", "),
            text(&user["created_at"]),
        ]
    });
    output::answer(&output::table(
        ["email", "handle", "roles", "created"],
        &rows.collect::<Vec<_>>(),
    ));
    Ok(())
}

fn show(as_json: bool, answer: &Value, told: &str) {
    if as_json {
        output::document(answer)
    } else {
        output::answer(told)
    }
}
