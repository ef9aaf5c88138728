//! Several replicas on one PostgreSQL. SQLite serves one process, so there these tests have nothing to
//! look at.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use test_kit::{MailServer, PATIENCE, Postgres, RedisServer, eventually};

use super::{Auth, PASSWORD, Signed, client, email_of, keys::signing_kid, on_postgres, refused};

/// Two that are ready, and the settings of both.
async fn two(settings: &[(&str, &str)]) -> Option<[Auth; 2]> {
    if !on_postgres() {
        return None;
    }
    let one = Auth::with(settings).await;
    let mut other = one.replica(settings);
    other.process.wait_ready(other.ops_port).await;
    Some([one, other])
}

#[tokio::test]
async fn four_that_start_at_once_make_one_schema_and_one_admin() {
    if !on_postgres() {
        return;
    }
    // Of the first only Redis is shared.
    let mut first = Auth::start().await;
    first.database_url = Postgres::shared().await.fresh_database().await;
    let mut four = [(); 4].map(|()| first.replica(&[]));
    for auth in &mut four {
        auth.process.wait_ready(auth.ops_port).await;
    }
    assert_eq!(four[0].number("SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(four[0].number("SELECT COUNT(*) FROM signing_keys").await, 4);
    let signed = join_all(four.iter().map(Auth::admin)).await;
    let kids: BTreeSet<_> = signed.iter().map(signing_kid).collect();
    assert_eq!(kids.len(), 4, "each signs with a key of its own");
    for (auth, signed) in four.iter().zip(signed.iter().rev()) {
        auth.check(&signed.token).await.expect("another's token");
    }
}

#[tokio::test]
async fn what_one_gave_the_other_takes_and_what_one_ended_the_other_refuses() {
    let Some([one, other]) = two(&[]).await else {
        return;
    };
    let (here, there) = (
        one.person("reader").await,
        other.sign_in(&email_of("reader")).await,
    );
    other.check(&here.token).await.expect("live");
    one.check(&there.token).await.expect("live");
    let next = other.refresh(&here.refresh_token).await.expect("refreshed");
    one.check(&next.token).await.expect("live");
    let again = one
        .refresh(&here.refresh_token)
        .await
        .expect("the same successor");
    assert_eq!(again.refresh_token, next.refresh_token);
    one.logout(&there.token).await.expect("signed out");
    assert_eq!(refused(other.check(&there.token).await), "session_ended");
    assert_eq!(
        refused(other.refresh(&there.refresh_token).await),
        "session_ended"
    );

    let mut number = 0;
    eventually("a lock of one holds at the other", PATIENCE, async || {
        number += 1;
        let nobody = format!("nobody{number}@example.com");
        one.lock(&nobody, client()).await;
        match refused(other.login(&nobody, PASSWORD).await) {
            "account_locked" => Ok(()),
            code => Err(code),
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_raced_over_both_gives_one_successor() {
    let Some(both) = two(&[]).await else {
        return;
    };
    let mut signed = both[0].person("reader").await;
    for _ in 0..3 {
        let raced = (0..30).map(|at: usize| both[at % 2].refresh(&signed.refresh_token));
        let raced: Vec<Signed> = join_all(raced)
            .await
            .into_iter()
            .map(|answer| answer.expect("refreshed"))
            .collect();
        let successors: BTreeSet<_> = raced.iter().map(|next| &next.refresh_token).collect();
        assert_eq!(successors.len(), 1);
        signed = raced[0].clone();
    }
    assert_eq!(both[1].number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_rotation_asked_of_one_changes_the_keys_of_both() {
    let Some([one, other]) = two(&[]).await else {
        return;
    };
    let admin = one.admin().await;
    let before = [signing_kid(&admin), signing_kid(&other.admin().await)];
    let next = one.rotate(&admin).await;
    one.until_signed_with(&next).await;
    let signed = eventually("the other signs with a new key", PATIENCE, async || {
        let signed = other.admin().await;
        one.check(&signed.token).await.expect("accepted at once");
        match before.contains(&signing_kid(&signed)) {
            true => Err("the old one does"),
            false => Ok(signed),
        }
    })
    .await;
    assert_ne!(signing_kid(&signed), next);
    assert_eq!(one.kids().await.len(), 4);
    other.check(&admin.token).await.expect("still accepted");
}

#[tokio::test]
async fn each_mail_and_each_event_is_sent_once() {
    let (inbox, streams) = (MailServer::start().await, RedisServer::streams().await);
    let settings = [
        ("mail.url", &*inbox.url()),
        ("redis.streams.url", &*streams.url()),
    ];
    let Some(both) = two(&settings).await else {
        return;
    };
    let handles: Vec<_> = (0..8).map(|number| format!("reader{number}")).collect();
    let made = handles.iter().enumerate();
    let made = join_all(made.map(|(at, handle)| both[at % 2].register(handle))).await;
    for made in made {
        made.expect("an account");
    }
    both[0].until_number("SELECT COUNT(*) FROM mails", 0).await;
    let mut to: Vec<_> = inbox.mails().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(
        to,
        handles
            .iter()
            .map(|handle| email_of(handle))
            .collect::<Vec<_>>()
    );
    let told = both[1].until_told(&streams).await;
    assert_eq!(told.len(), 9, "the admin's account and theirs");
}
