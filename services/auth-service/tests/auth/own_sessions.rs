//! People's sessions as they see them, and end them.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use rpc::auth::{Client, EndOtherSessionsRequest};
use sqlx::Connection;
use uuid::Uuid;

use super::{Auth, PASSWORD, Signed, address, answer, call, email_of, refused};

#[tokio::test]
async fn people_see_their_sessions_and_end_each() {
    let auth = Auth::start().await;
    let first = auth.person("reader").await;
    let abroad = Client {
        agent: "x".repeat(1000),
        ..address("2001:db8::7")
    };
    let second = auth.login_from(&email_of("reader"), PASSWORD, abroad).await;
    let second: Signed = second.expect("signed in").into();
    let stranger = auth.person("stranger").await;
    let listed = auth.list_sessions(&first).await;
    let ids: Vec<_> = listed.iter().map(|session| session.id.clone()).collect();
    assert_eq!(
        ids,
        [second.session_id, first.session_id].map(|id| id.to_string())
    );
    assert_eq!(
        (listed[0].agent.len(), listed[0].address.as_str()),
        (256, "2001:db8::7")
    );
    assert_eq!(listed[1].address, "192.0.2.1");
    for id in [
        &stranger.session_id.to_string(),
        "nothing",
        &Uuid::now_v7().to_string(),
    ] {
        assert_eq!(refused(auth.end(&first, id).await), "not_found");
    }
    auth.check(&stranger.token).await.expect("live");
    assert!(
        auth.end(&first, &ids[0]).await.expect("ended"),
        "Redis has heard"
    );
    assert_eq!(refused(auth.check(&second.token).await), "session_ended");
    auth.until_tombstoned(second.session_id).await;
    assert_eq!(auth.list_sessions(&first).await.len(), 1);
    let ended = auth.events(&first.token, "session_ended").await;
    assert_eq!((ended.len(), &ended[0].session_id), (1, &ids[0]));
}

#[tokio::test]
async fn the_others_end_at_once_and_this_one_stays() {
    let auth = Auth::start().await;
    let here = auth.person("reader").await;
    let others = [
        auth.sign_in(&email_of("reader")).await,
        auth.sign_in(&email_of("reader")).await,
    ];
    // One of them is idle; it could be taken up again.
    auth.sql(
        "UPDATE sessions SET expires_at = last_seen WHERE id = (SELECT id FROM sessions ORDER BY id DESC LIMIT 1)",
    )
    .await;
    let request = call(&here.token, EndOtherSessionsRequest {});
    let ended = answer(auth.client().end_other_sessions(request).await).expect("ended");
    let told = [others[0].session_id.to_string()];
    assert_eq!((&ended.session_ids[..], ended.heard), (&told[..], true));
    for other in &others {
        let revived = auth.refresh(&other.refresh_token).await;
        assert_eq!(
            refused(revived),
            "session_ended",
            "the idle one has ended as well"
        );
    }
    auth.check(&here.token).await.expect("live");
}

#[tokio::test]
async fn an_admin_ends_all_sessions_of_a_person() {
    let auth = Auth::start().await;
    let (admin, reader) = (auth.admin().await, auth.person("reader").await);
    let other = auth.sign_in(&email_of("reader")).await;
    let id = reader.user_id.to_string();
    assert_eq!(refused(auth.end_all_of(&reader, &id).await), "forbidden");
    assert_eq!(auth.end_all_of(&admin, &id).await.expect("ended"), 2);
    for signed in [&reader, &other] {
        assert_eq!(refused(auth.check(&signed.token).await), "session_ended");
        auth.until_tombstoned(signed.session_id).await;
    }
    auth.check(&admin.token).await.expect("live");
    let nobody = Uuid::now_v7().to_string();
    assert_eq!(refused(auth.end_all_of(&admin, &nobody).await), "not_found");
    auth.sign_in(&email_of("reader")).await;
}

impl Auth {
    /// Opens more sessions of somebody, older than the one they have; the ids of the oldest and the newest.
    async fn open_many(&self, of: &Signed, range: Range<u32>) -> [Uuid; 2] {
        let mut database = self.database().await;
        let mut together = database.begin().await.expect("begun");
        let id = |number: u32| Uuid::from_u128(number.into());
        for number in range.clone() {
            sqlx::query(
                "INSERT INTO sessions (id, user_id, created_at, expires_at, last_seen, authenticated_at, agent, address,
                    version, unheard, family_sha256, refresh_sha256)
                 SELECT $1, user_id, created_at, expires_at, last_seen, authenticated_at, agent, address, 1, 0, $2, $2
                 FROM sessions WHERE id = $3",
            )
            .bind(id(number).as_bytes().to_vec())
            .bind(id(number).as_bytes().repeat(2))
            .bind(of.session_id.as_bytes().to_vec())
            .execute(&mut *together)
            .await
            .expect("a session");
        }
        together.commit().await.expect("committed");
        database.close().await.expect("closed");
        [id(range.start), id(range.end - 1)]
    }
}

#[tokio::test]
async fn the_oldest_of_too_many_open_sessions_ends() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let [oldest, newest] = auth.open_many(&reader, 1..500).await;
    let open = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL";
    assert_eq!(auth.number(open).await, 500);
    let last = auth.sign_in(&email_of("reader")).await;
    assert_eq!(auth.number(open).await, 500);
    auth.until_held(oldest, |copy| copy.ended_at.is_some())
        .await;
    assert_eq!(auth.held(newest).await, None, "nobody asked for its copy");
    for signed in [&reader, &last] {
        auth.check(&signed.token).await.expect("live");
    }
    // Of many more, as earlier versions let them be, some end each time: nobody waits for all of them.
    auth.open_many(&reader, 1000..2000).await;
    auth.sign_in(&email_of("reader")).await;
    assert_eq!(auth.number(open).await, 1400 + 1);
    auth.until_all_heard().await;
}

#[tokio::test]
async fn a_bystander_signs_in_while_thousands_of_sessions_are_renamed() {
    let auth = Auth::start().await;
    let (crowd, bystander) = (auth.person("crowd").await, auth.person("bystander").await);
    let [oldest, newest] = auth.open_many(&crowd, 1..3001).await;
    let renaming = async {
        let renamed = auth.update(&crowd, None, Some("renamed")).await;
        assert_eq!(renamed.expect("renamed").handle, "renamed");
        auth.until_all_heard().await;
    };
    let mut slowest = Duration::ZERO;
    let coming_and_going = async {
        loop {
            let began = Instant::now();
            let signed = auth.sign_in(&email_of("bystander")).await;
            auth.refresh(&signed.refresh_token)
                .await
                .expect("refreshed");
            auth.check(&bystander.token).await.expect("live");
            auth.logout(&signed.token).await.expect("signed out");
            slowest = slowest.max(began.elapsed());
        }
    };
    tokio::select! {
        () = renaming => {}
        () = coming_and_going => {}
    }
    for id in [oldest, newest, crowd.session_id] {
        let copy = auth.held(id).await.expect("a hot copy");
        assert_eq!(copy.user.handle, "renamed");
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
