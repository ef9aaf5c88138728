//! What people change of their own accounts, and their sessions as they see them.

use rpc::auth::{
    DeleteMeRequest, EndSessionRequest, ListSessionsRequest, Session, UpdateMeRequest, User,
};
use service_kit::Problem;
use uuid::Uuid;

use super::{ADMIN_EMAIL, Auth, PASSWORD, Signed, answer, call, email_of, refused};

impl Auth {
    pub(super) async fn update(
        &self,
        signed: &Signed,
        email: Option<&str>,
        handle: Option<&str>,
    ) -> Result<User, Problem> {
        let asked = UpdateMeRequest {
            email: email.map(str::to_owned),
            handle: handle.map(str::to_owned),
            current_password: email.map(|_| PASSWORD.to_owned()).unwrap_or_default(),
            ..UpdateMeRequest::default()
        };
        let request = call(&signed.token, asked);
        let user = answer(self.client().update_me(request).await)?.user;
        Ok(user.expect("an account"))
    }

    pub(super) async fn move_to(&self, signed: &Signed, email: &str) -> Result<User, Problem> {
        self.update(signed, Some(email), None).await
    }

    pub(super) async fn delete(&self, signed: &Signed) -> Result<(), Problem> {
        let request = call(&signed.token, DeleteMeRequest::default());
        answer(self.client().delete_me(request).await).map(drop)
    }

    pub(super) async fn list_sessions(&self, signed: &Signed) -> Vec<Session> {
        let request = call(&signed.token, ListSessionsRequest {});
        let listed = self.client().list_sessions(request).await;
        answer(listed).expect("sessions").sessions
    }

    pub(super) async fn end(&self, signed: &Signed, session_id: &str) -> Result<bool, Problem> {
        let session_id = session_id.to_owned();
        let request = call(&signed.token, EndSessionRequest { session_id });
        Ok(answer(self.client().end_session(request).await)?.heard)
    }

    pub(super) async fn until_tombstoned(&self, id: Uuid) {
        let copy = self.held(id).await.expect("a hot copy");
        assert!(copy.ended_at.is_some(), "told before it is answered");
    }
}

#[tokio::test]
async fn a_new_handle_is_seen_at_once_and_the_old_one_is_free() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let other = auth.person("other").await;
    auth.sql("UPDATE sessions SET authenticated_at = 0").await;
    let renamed = auth
        .update(&reader, None, Some("writer"))
        .await
        .expect("renamed");
    assert_eq!(
        (renamed.handle.as_str(), renamed.email),
        ("writer", email_of("reader"))
    );
    let copy = auth.held(reader.session_id).await.expect("a hot copy");
    assert_eq!(copy.user.handle, "writer");
    assert_eq!(
        refused(auth.update(&other, None, Some("writer")).await),
        "handle_taken"
    );
    assert_eq!(
        refused(auth.update(&other, None, Some("No")).await),
        "invalid"
    );
    auth.update(&other, None, Some("reader"))
        .await
        .expect("free");
    assert_eq!(auth.events(&other.token, "profile_changed").await.len(), 1);
}

#[tokio::test]
async fn two_changes_at_once_both_last() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    for round in 0..5 {
        let (email, handle) = (format!("a{round}@example.com"), format!("handle{round}"));
        let (moved, renamed) = tokio::join!(
            auth.update(&reader, Some(&email), None),
            auth.update(&reader, None, Some(&handle)),
        );
        for changed in [moved, renamed] {
            changed.expect("changed");
        }
        let me = auth.me(&reader.token).await.expect("me");
        assert_eq!((me.pending_email, me.handle), (Some(email), handle));
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone_everywhere_and_its_names_are_free() {
    let auth = Auth::start().await;
    let (here, there) = (
        auth.person("reader").await,
        auth.sign_in(&email_of("reader")).await,
    );
    auth.delete(&here).await.expect("deleted");
    for signed in [&here, &there] {
        assert_eq!(refused(auth.check(&signed.token).await), "session_ended");
        assert_eq!(
            refused(auth.refresh(&signed.refresh_token).await),
            "session_ended"
        );
        auth.until_tombstoned(signed.session_id).await;
    }
    let gone = auth.login(&email_of("reader"), PASSWORD).await;
    assert_eq!(refused(gone), "invalid_credentials");
    let again = auth.person("reader").await;
    assert_ne!(again.user_id, here.user_id);
    assert_eq!(
        auth.list_sessions(&again).await.len(),
        1,
        "nothing is inherited"
    );
    assert_eq!(auth.events(&again.token, "signed_in").await.len(), 1);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    assert_eq!(refused(auth.delete(&admin).await), "conflict");
    auth.check(&admin.token)
        .await
        .expect("nothing has happened");
    auth.sign_in(ADMIN_EMAIL).await;
}

#[tokio::test]
async fn no_sign_in_outlives_its_account() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let email = email_of("reader");
    let early = (0..8).map(|_| auth.login(&email, PASSWORD));
    let early = futures_util::future::join_all(early);
    // The sign-ins have looked the account up and wait for their turn to hash.
    let (signed_in, deleted) = tokio::join!(early, auth.delete(&reader));
    deleted.expect("deleted");
    for signed_in in signed_in.into_iter().flatten() {
        let checked = auth.check(&signed_in.access_token).await;
        assert_eq!(refused(checked), "session_ended");
    }
}
