//! Passwords: changed, hashed anew, and what a new one ends.

use futures_util::future::join_all;
use rpc::auth::ChangePasswordRequest;
use service_kit::Problem;

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, Signed, answer, call, email_of, mail::NEW_PASSWORD, refused,
};

/// [`PASSWORD`], hashed with next to no work.
const WEAK_HASH: &str = "UPDATE users SET password_hash =
    '$argon2id$v=19$m=64,t=1,p=1$c2FsdCBmb3IgYSB0ZXN0IQ$kvxeELoWNR6fRXucfMfviuqjTZ3rhgUgQpTOKwJcyJ0'";

impl Auth {
    async fn change(&self, signed: &Signed, current: &str, new: &str) -> Result<(), Problem> {
        self.change_keeping(signed, current, new, false).await
    }

    pub(super) async fn change_keeping(
        &self,
        signed: &Signed,
        current: &str,
        new: &str,
        keep_tokens: bool,
    ) -> Result<(), Problem> {
        let asked = ChangePasswordRequest {
            current_password: current.to_owned(),
            new_password: new.to_owned(),
            keep_tokens,
            client: None,
        };
        let request = call(&signed.token, asked);
        answer(self.client().change_password(request).await).map(drop)
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let auth = Auth::start().await;
    let (here, there) = (
        auth.person("reader").await,
        auth.sign_in(&email_of("reader")).await,
    );
    let wrong = auth.change(&here, "not the password", NEW_PASSWORD).await;
    assert_eq!(refused(wrong), "invalid_credentials");
    for weak in ["short", "password123", "reader@example.com"] {
        let weak = auth
            .change(&here, PASSWORD, weak)
            .await
            .expect_err("refused");
        assert_eq!(
            (weak.code.name(), weak.errors[0].field.as_str()),
            ("invalid", "new_password")
        );
    }
    auth.check(&there.token)
        .await
        .expect("nothing has happened yet");
    auth.change(&here, PASSWORD, NEW_PASSWORD)
        .await
        .expect("changed");
    auth.check(&here.token).await.expect("live");
    auth.refresh(&here.refresh_token).await.expect("live");
    assert_eq!(refused(auth.check(&there.token).await), "session_ended");
    let copy = auth.held(there.session_id).await.expect("a hot copy");
    assert!(copy.ended_at.is_some());
    let old = auth.login(&email_of("reader"), PASSWORD).await;
    assert_eq!(refused(old), "invalid_credentials");
    auth.login(&email_of("reader"), NEW_PASSWORD)
        .await
        .expect("signed in");
    assert_eq!(auth.events(&here.token, "password_changed").await.len(), 1);
}

#[tokio::test]
async fn a_changed_password_ends_links_to_a_new_one() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    auth.change(&admin, PASSWORD, NEW_PASSWORD)
        .await
        .expect("changed");
    let reset = auth.reset(&token, "yet another horse to ride").await;
    assert_eq!(refused(reset), "invalid_credentials");
}

/// A sign-in looks its account up, waits for its turn to hash, and only then begins a session.
#[tokio::test]
async fn no_sign_in_with_the_old_password_outlives_a_reset() {
    let auth = Auth::start().await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    let early = join_all((0..6).map(|_| auth.login(ADMIN_EMAIL, PASSWORD)));
    let late = join_all((0..12).map(|_| auth.login(ADMIN_EMAIL, PASSWORD)));
    let (early, reset, late) = tokio::join!(early, auth.reset(&token, NEW_PASSWORD), late);
    reset.expect("set");
    for signed_in in early.into_iter().chain(late).flatten() {
        let checked = auth.check(&signed_in.access_token).await;
        assert_eq!(refused(checked), "session_ended");
    }
}

#[tokio::test]
async fn a_sign_in_that_waits_for_its_second_step_dies_with_the_password() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let factor = auth.set_up(&admin).await;
    let challenge = auth.first_step(ADMIN_EMAIL).await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    let now = super::second_factor::code(&factor.secret, 0);
    let second = auth.second_step(&challenge, &now).await;
    assert_eq!(refused(second), "invalid_credentials");
}

#[tokio::test]
async fn a_hash_of_too_little_work_is_made_anew_at_the_next_sign_in() {
    let auth = Auth::start().await;
    auth.sql(WEAK_HASH).await;
    auth.admin().await;
    let strong =
        "SELECT COUNT(*) FROM users WHERE password_hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
    assert_eq!(auth.number(strong).await, 1);
    auth.admin().await;
    assert_eq!(auth.number("SELECT COUNT(*) FROM sessions").await, 2);
}
