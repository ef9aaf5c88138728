//! Signing keys: changed under load without a failed request, kept private, withdrawn when old.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rpc::auth::{GetJwksRequest, RotateKeysRequest};
use serde_json::Value;
use test_kit::{PATIENCE, eventually};
use tokio::task::JoinSet;

use super::{ADMIN_EMAIL, Auth, PASSWORD, Signed, answer, call, email_of, refused};

impl Auth {
    /// The ids of the published keys.
    pub(super) async fn kids(&self) -> BTreeSet<String> {
        let told = answer(self.client().get_jwks(GetJwksRequest {}).await);
        let set: Value = serde_json::from_str(&told.expect("keys").jwks).expect("JSON");
        let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
        set["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .map(kid)
            .collect()
    }

    /// Has the key changed; gives the new one's id.
    pub(super) async fn rotate(&self, admin: &Signed) -> String {
        let request = call(&admin.token, RotateKeysRequest {});
        let rotated = self.client().rotate_keys(request).await;
        answer(rotated).expect("rotated").kid
    }

    /// Waits until new tokens are signed with this key.
    pub(super) async fn until_signed_with(&self, kid: &str) -> Signed {
        eventually("the new key signs", PATIENCE, async || {
            let signed = self.sign_in(ADMIN_EMAIL).await;
            match signing_kid(&signed) == kid {
                true => Ok(signed),
                false => Err("the old one does"),
            }
        })
        .await
    }
}

pub(super) fn signing_kid(signed: &Signed) -> String {
    let header = jsonwebtoken::decode_header(&signed.token).expect("a header");
    header.kid.expect("a kid")
}

/// Refreshes and calls, with its first token and its newest, until it is told to stop; every call has
/// to succeed. Gives the ids of the keys it saw.
async fn use_it(auth: Arc<Auth>, signed: Signed, stop: Arc<AtomicBool>) -> BTreeSet<String> {
    let mut kids = BTreeSet::new();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let mut newest = signed.clone();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        round += 1;
        // A session is refreshed sixteen times in ten seconds at most.
        if round % 8 == 0 {
            newest = auth
                .refresh(&newest.refresh_token)
                .await
                .expect("refreshed");
        }
        for signed in [&signed, &newest] {
            kids.insert(signing_kid(signed));
            auth.check(&signed.token).await.expect("accepted");
            auth.me(&signed.token).await.expect("accepted");
        }
    }
    kids
}

#[tokio::test]
async fn no_request_fails_while_the_keys_change_twice() {
    let auth = Arc::new(Auth::start().await);
    let admin = auth.admin().await;
    auth.register("reader").await.expect("an account");
    let stop = Arc::new(AtomicBool::new(false));
    let mut users = JoinSet::new();
    for _ in 0..20 {
        let reader = auth.sign_in(&email_of("reader")).await;
        users.spawn(use_it(Arc::clone(&auth), reader, Arc::clone(&stop)));
    }
    let mut kids = auth.kids().await;
    assert_eq!(kids.len(), 1);
    for _ in 0..2 {
        let next = auth.rotate(&admin).await;
        kids.insert(next.clone());
        assert_eq!(auth.kids().await, kids, "it is published before it signs");
        let early = auth.sign_in(ADMIN_EMAIL).await;
        assert_ne!(signing_kid(&early), next, "and signs later");
        auth.until_signed_with(&next).await;
        auth.check(&early.token)
            .await
            .expect("the old one still counts");
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    while let Some(user) = users.join_next().await {
        seen.extend(user.expect("no call failed"));
    }
    assert!(seen.len() > 1, "{seen:?}");
    assert_eq!(auth.kids().await, kids);
    auth.check(&admin.token).await.expect("accepted");
}

#[tokio::test]
async fn of_rotations_asked_for_at_once_one_key_signs_and_the_others_are_retired() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let rotated = tokio::join!(auth.rotate(&admin), auth.rotate(&admin));
    auth.until_number("SELECT COUNT(*) FROM signing_keys WHERE retired = 0", 1)
        .await;
    let signed = auth.sign_in(ADMIN_EMAIL).await;
    assert!([rotated.0, rotated.1].contains(&signing_kid(&signed)));
    assert_eq!(
        auth.number("SELECT COUNT(*) FROM signing_keys").await,
        auth.kids().await.len() as i64
    );
    auth.check(&admin.token)
        .await
        .expect("the old one still counts");
}

#[tokio::test]
async fn private_keys_are_private_and_old_ones_are_withdrawn() {
    let mut auth = Auth::start().await;
    let admin = auth.admin().await;
    let next = auth.rotate(&admin).await;
    let newest = auth.until_signed_with(&next).await;
    let files = |auth: &Auth| -> Vec<_> {
        let folder = fs::read_dir(auth.file("keys")).expect("keys");
        folder.map(|entry| entry.expect("a file").path()).collect()
    };
    assert_eq!(files(&auth).len(), 2);
    for file in files(&auth) {
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    auth.until_number("SELECT COUNT(*) FROM signing_keys WHERE retired = 1", 1)
        .await;
    auth.restart().await;
    auth.check(&admin.token)
        .await
        .expect("its tokens may still be around");
    // The life of a token and an hour pass.
    auth.sql("UPDATE signing_keys SET seen_at = seen_at - 3900000 WHERE retired = 1")
        .await;
    auth.restart().await;
    eventually("the old key is withdrawn", PATIENCE, async || {
        let kids = auth.kids().await;
        match kids == BTreeSet::from([next.clone()]) && files(&auth).len() == 1 {
            true => Ok(()),
            false => Err(format!("{kids:?}")),
        }
    })
    .await;
    assert_eq!(refused(auth.check(&admin.token).await), "unauthenticated");
    auth.check(&newest.token).await.expect("accepted");
    auth.login(ADMIN_EMAIL, PASSWORD).await.expect("signed in");
}
