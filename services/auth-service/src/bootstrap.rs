//! The first admin, made at the first start.

use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Problem, Settings, config::ConfigFault};

use crate::{
    domain::account::{ADMIN, NewAccount, USER},
    keys::write_private,
    passwords::Passwords,
    store::Store,
};

const HANDLE: &str = "admin";

/// 18 random bytes are 24 characters.
const PASSWORD_BYTES: usize = 18;

/// Makes the admin when there is no account at all. The password is written to
/// `<data_dir>/admin-password` before the account exists, so that no crash leaves one that nobody
/// can sign in to.
pub async fn first_admin(
    store: &Store,
    passwords: &Passwords,
    settings: &Settings,
) -> anyhow::Result<()> {
    if store.has_users().await? {
        return Ok(());
    }
    let bootstrap = &settings.bootstrap;
    let password = match &bootstrap.admin_password {
        Some(given) => given.clone(),
        None => generate()?,
    };
    let account = NewAccount::check(&bootstrap.admin_email, HANDLE, password.expose_secret())
        .map_err(refused)?;
    let hash = passwords.hash(password.clone()).await?;
    write_password(&settings.data_dir, &password)?;
    let roles = vec![USER.to_owned(), ADMIN.to_owned()];
    let admin = store.create_user(account, hash, roles).await?;
    tracing::info!(user.id = %admin.id, "made the first admin; the password is in admin-password in the data directory");
    Ok(())
}

fn generate() -> anyhow::Result<SecretString> {
    let mut bytes = [0; PASSWORD_BYTES];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(BASE64URL.encode(bytes).into())
}

fn write_password(data_dir: &Path, password: &SecretString) -> anyhow::Result<()> {
    write_private(
        &data_dir.join("admin-password"),
        format!("{}\n", password.expose_secret()).as_bytes(),
    )
}

/// Which setting is wrong.
fn refused(problem: Problem) -> anyhow::Error {
    match problem.errors.first() {
        Some(fault) => anyhow::Error::new(ConfigFault::Bad {
            name: format!("bootstrap.admin_{}", fault.field),
            expected: format!("expected {}", fault.message),
        }),
        None => problem.into(),
    }
}
