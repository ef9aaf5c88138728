//! The end of machine tokens: revoked ones never come back, whatever Redis forgets or hears late.

use std::time::Duration;

use redis_contracts::script::put_session;

use super::{Auth, answer, call, email_of, refused};

#[tokio::test]
async fn it_ends_on_its_day() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let today = redis_contracts::Timestamp::now().to_string();
    let (_, token) = auth
        .create_token(&reader, "ci", &["read"], &today[..10])
        .await
        .expect("good for the rest of the day");
    auth.check(&token).await.expect("live");
    auth.sql("UPDATE machine_tokens SET expires_at = expires_at - 86400000")
        .await;
    assert_eq!(refused(auth.check(&token).await), "unauthenticated");
}

#[tokio::test]
async fn what_redis_forgot_is_restored_and_revoked_stays_revoked() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let made = auth.machine(&reader, &["read"]).await;
    let live = auth.held(made.id).await.expect("a hot copy");
    auth.flush().await;
    auth.check(&made.token).await.expect("live");
    assert_eq!(auth.held(made.id).await, Some(live.clone()));

    auth.wire.cut();
    auth.revoke(&reader, &made.id.to_string())
        .await
        .expect("revoked");
    assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
    auth.wire.heal();
    let revoked = auth
        .until_held(made.id, |copy| copy.ended_at.is_some())
        .await;
    let late = put_session(made.id, &live, Duration::from_secs(60));
    let count = late.keys.len().to_string();
    let late: Vec<&[u8]> = [late.script.source.as_bytes(), count.as_bytes()]
        .into_iter()
        .chain(late.keys.iter().map(String::as_bytes))
        .chain(late.args.iter().map(Vec::as_slice))
        .collect();
    let written: bool = auth.ask_redis("EVAL", &late).await;
    assert!(!written);
    assert_eq!(auth.held(made.id).await, Some(revoked));
    auth.flush().await;
    assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
    assert_eq!(auth.held(made.id).await, None);
}

#[tokio::test]
async fn it_ends_with_its_person_and_by_an_admins_word() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let (leaver, stays) = (auth.person("leaver").await, auth.person("stays").await);
    let left = auth.machine(&leaver, &["read"]).await;
    let ended = auth.machine(&stays, &["read"]).await;
    let request = call(&leaver.token, rpc::auth::DeleteMeRequest::default());
    answer(auth.client().delete_me(request).await).expect("deleted");
    let count = auth.end_all_of(&admin, &stays.user_id.to_string()).await;
    assert_eq!(count.expect("ended"), 2, "a session and a machine token");
    for made in [&left, &ended] {
        assert_eq!(refused(auth.check(&made.token).await), "unauthenticated");
        let copy = auth.held(made.id).await.expect("a hot copy");
        assert!(copy.ended_at.is_some());
    }
    auth.sign_in(&email_of("stays")).await;
}
