//! The first admin, made at the first start.

use std::path::Path;

use redis_contracts::event::EventBody;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem, Settings, config::ConfigFault, private_file};

use crate::{
    domain::{
        account::{ADMIN, NewAccount, USER},
        secret::{encode, random},
    },
    passwords::{Line, Passwords},
    store::{Happened, Store, Who},
};

const HANDLE: &str = "admin";

/// 18 random bytes are 24 characters.
const PASSWORD_BYTES: usize = 18;

/// Makes the admin when there is no account at all. A password that was not given is written to
/// `<data_dir>/admin-password` before the account exists, so that no crash leaves one that nobody
/// can sign in to. One that was given is known, and need not be at rest.
pub async fn first_admin(
    store: &Store,
    passwords: &Passwords,
    settings: &Settings,
) -> anyhow::Result<()> {
    if store.has_users().await? {
        return Ok(());
    }
    let bootstrap = &settings.bootstrap;
    let file = settings.data_dir.join("admin-password");
    let check = |password: &SecretString| {
        NewAccount::check_own(&bootstrap.admin_email, HANDLE, password.expose_secret())
            .map_err(refused)
    };
    let (password, account) = match &bootstrap.admin_password {
        Some(given) => (given.clone(), check(given)?),
        None => {
            // Checked before a file is made: the address may be refused.
            let account = check(&SecretString::from(encode(&random::<PASSWORD_BYTES>()?)))?;
            (generated(&file)?, account)
        }
    };
    let hash = passwords.hash(password.clone(), Line::own()).await?;
    let mut change = store.change().await?;
    let admin = account.into_user(change.now, vec![USER.to_owned(), ADMIN.to_owned()]);
    match change.create_user(&admin, &hash).await {
        Ok(()) => {}
        Err(problem) if problem.code == Code::EmailTaken => {
            drop(change);
            return match bootstrap.admin_password {
                Some(_) => Ok(()),
                None => another_was_faster(store, passwords, &admin.email, password, &file).await,
            };
        }
        Err(problem) => return Err(problem.into()),
    }
    change.record(
        &Who::default(),
        Happened::to(admin.id, EventBody::AccountCreated),
    );
    change.commit().await?;
    let password_is = match bootstrap.admin_password {
        Some(_) => "that of DEVMENTOR__BOOTSTRAP__ADMIN_PASSWORD",
        None => "in admin-password in the data directory",
    };
    tracing::info!(user.id = %admin.id, "made the first admin; the password is {password_is}");
    Ok(())
}

/// A password that is generated once, also when replicas share the folder.
fn generated(file: &Path) -> anyhow::Result<SecretString> {
    let made = || Ok(format!("{}\n", encode(&random::<PASSWORD_BYTES>()?)).into_bytes());
    let held = private_file::read_or_make(file, made)?;
    Ok(String::from_utf8(held)?.trim_end().to_owned().into())
}

/// The file stays when its password is the one that counts, because the replicas share it.
async fn another_was_faster(
    store: &Store,
    passwords: &Passwords,
    email: &str,
    password: SecretString,
    file: &Path,
) -> anyhow::Result<()> {
    let found = store.sign_in_account(email, &[]).await?;
    let hash = found.map(|found| found.account.password_hash);
    if !passwords.verify(password, hash, Line::own()).await?.matches {
        std::fs::remove_file(file)?;
    }
    Ok(())
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
