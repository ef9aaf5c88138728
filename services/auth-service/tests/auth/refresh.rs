//! Refresh tokens: rotated on each use, forgiving within the grace, the end of the session after it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;
use service_kit::Problem;
use sqlx::Connection;
use uuid::Uuid;

use super::{Auth, Signed, email_of, refused};

impl Auth {
    /// Lets time pass for the successors of a session's tokens.
    pub(super) async fn age_used_tokens(&self, session_id: Uuid, ms: i64) {
        let mut database = self.database().await;
        let id = session_id.as_bytes().to_vec();
        let used: String = sqlx::query_scalar("SELECT refresh_made FROM sessions WHERE id = $1")
            .bind(id.clone())
            .fetch_one(&mut database)
            .await
            .expect("a session");
        let mut used: Vec<Value> = serde_json::from_str(&used).expect("JSON");
        for token in &mut used {
            let at_ms = token["at_ms"].as_i64().expect("a moment");
            token["at_ms"] = (at_ms - ms).into();
        }
        sqlx::query("UPDATE sessions SET refresh_made = $1 WHERE id = $2")
            .bind(serde_json::to_string(&used).expect("JSON"))
            .bind(id)
            .execute(&mut database)
            .await
            .expect("an update");
        database.close().await.expect("closed");
    }

    async fn refreshed(&self, token: &str) -> Signed {
        self.refresh(token).await.expect("refreshed")
    }

    /// A token again, some time after its successor was used.
    async fn again_after(&self, ms: i64) -> (Signed, Signed, Result<Signed, Problem>) {
        let first = self.sign_in("reader@example.com").await;
        let second = self.refreshed(&first.refresh_token).await;
        let third = self.refreshed(&second.refresh_token).await;
        self.age_used_tokens(first.session_id, ms).await;
        let again = self.refresh(&first.refresh_token).await;
        (second, third, again)
    }
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let next = auth.refreshed(&reader.refresh_token).await;
    assert_eq!(
        (next.session_id, next.user_id),
        (reader.session_id, reader.user_id)
    );
    assert_ne!(next.token, reader.token);
    assert_ne!(next.refresh_token, reader.refresh_token);
    assert_eq!(next.device, "", "the device keeps the secret it has");
    for token in [&reader.token, &next.token] {
        auth.check(token).await.expect("live");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_made_up_for_by_another_successor() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let lost = auth.refreshed(&reader.refresh_token).await;
    let again = auth.refreshed(&reader.refresh_token).await;
    assert_eq!(again.refresh_token, lost.refresh_token, "within the grace");
    let mut last = again;
    for age_ms in [10_000, 86_400_000] {
        auth.age_used_tokens(reader.session_id, age_ms).await;
        let beside = auth.refreshed(&reader.refresh_token).await;
        assert_ne!(beside.refresh_token, last.refresh_token, "{age_ms}");
        last = beside;
    }
    auth.refreshed(&last.refresh_token).await;
    let events = auth.events(&reader.token, "refresh_repeated").await;
    assert_eq!(events.len(), 1, "at most one an hour: {events:?}");
    auth.sql("UPDATE sessions SET refresh_repeated_at = refresh_repeated_at - 3600000")
        .await;
    auth.age_used_tokens(reader.session_id, 10_000).await;
    auth.refreshed(&last.refresh_token).await;
    let events = auth.events(&reader.token, "refresh_repeated").await;
    assert_eq!(events.len(), 2, "{events:?}");
}

/// The thief copies each token that the owner has just used, waits out the grace, and refreshes.
#[tokio::test]
async fn a_thief_one_step_behind_is_found_when_the_second_of_the_two_comes() {
    for owner_comes_first in [true, false] {
        let auth = Auth::start().await;
        let owner = auth.person("reader").await;
        let watcher = auth.sign_in(&email_of("reader")).await;
        let owners = auth.refreshed(&owner.refresh_token).await;
        auth.age_used_tokens(owner.session_id, 11_500).await;
        let thiefs = auth.refreshed(&owner.refresh_token).await;
        assert_ne!(owners.refresh_token, thiefs.refresh_token);
        let (first, second) = match owner_comes_first {
            true => (&owners, &thiefs),
            false => (&thiefs, &owners),
        };
        let next = auth.refreshed(&first.refresh_token).await;
        let found = auth.refresh(&second.refresh_token).await;
        assert_eq!(refused(found), "token_reused");
        for token in [&next.refresh_token, &owner.refresh_token] {
            assert_eq!(refused(auth.refresh(token).await), "session_ended");
        }
        assert_eq!(refused(auth.check(&thiefs.token).await), "session_ended");
        let events = auth.events(&watcher.token, "token_reused").await;
        assert_eq!(events.len(), 1, "{events:?}");
    }
}

#[tokio::test]
async fn the_same_token_gets_the_same_successor_within_ten_seconds_also_when_that_was_used() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    let (second, third, again) = auth.again_after(5000).await;
    assert_eq!(
        again.expect("within the grace").refresh_token,
        second.refresh_token
    );
    auth.refreshed(&third.refresh_token).await;
}

#[tokio::test]
async fn the_same_token_later_is_theft_and_ends_its_session_alone() {
    let auth = Auth::start().await;
    let other = auth.person("reader").await;
    let (second, third, again) = auth.again_after(10_000).await;
    let refusal = again.expect_err("theft");
    assert_eq!(
        (refusal.code.name(), refusal.code.http_status()),
        ("token_reused", 401)
    );
    let copy = auth.held(third.session_id).await.expect("a hot copy");
    assert!(copy.ended_at.is_some(), "told before the thief is answered");
    for token in [&second, &third] {
        let answer = auth.refresh(&token.refresh_token).await;
        assert_eq!(refused(answer), "session_ended");
        assert_eq!(refused(auth.check(&token.token).await), "session_ended");
    }
    auth.refreshed(&other.refresh_token).await;
    let events = auth.events(&other.token, "token_reused").await;
    let session = third.session_id.to_string();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (&events[0].session_id, events[0].address.as_str()),
        (&session, "192.0.2.1")
    );
}

#[tokio::test]
async fn a_session_whose_idle_time_is_over_is_taken_up_again() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let idle =
        "UPDATE sessions SET expires_at = expires_at - 7200000, last_seen = last_seen - 7200000";
    auth.sql(idle).await;
    assert_eq!(refused(auth.check(&reader.token).await), "session_ended");
    let revived = auth.refreshed(&reader.refresh_token).await;
    assert_eq!(revived.session_id, reader.session_id);
    auth.check(&revived.token).await.expect("live again");
    let copy = auth.held(reader.session_id).await.expect("a hot copy");
    let now_ms = redis_contracts::Timestamp::now().unix_ms();
    assert!(copy.expires_at.unix_ms() > now_ms && copy.version > 1);

    auth.sql(idle).await;
    let again = auth.refreshed(&reader.refresh_token).await;
    assert_eq!(
        again.refresh_token, revived.refresh_token,
        "its answer was lost"
    );
    auth.check(&again.token).await.expect("live again");
}

#[tokio::test]
async fn an_ended_session_is_never_taken_up_again() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let next = auth.refreshed(&reader.refresh_token).await;
    auth.logout(&reader.token).await.expect("signed out");
    auth.age_used_tokens(reader.session_id, 60_000).await;
    for token in [&reader.refresh_token, &next.refresh_token] {
        assert_eq!(refused(auth.refresh(token).await), "session_ended");
    }
    let old = auth.sign_in(&email_of("reader")).await;
    auth.sql("UPDATE sessions SET created_at = created_at - 2592000000")
        .await;
    assert_eq!(
        refused(auth.refresh(&old.refresh_token).await),
        "session_ended"
    );
}

#[tokio::test]
async fn a_session_that_nears_its_absolute_end_gets_no_token_that_outlives_it() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.sql("UPDATE sessions SET created_at = created_at - 2591940000")
        .await;
    let asked = rpc::auth::RefreshRequest {
        refresh_token: reader.refresh_token.clone(),
        client: None,
    };
    let told = super::answer(auth.client().refresh(asked).await).expect("refreshed");
    let expires_in = told.signed_in.expect("signed in").expires_in;
    assert!((1..=60).contains(&expires_in), "{expires_in}");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_and_ends_nothing() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let unknown = format!("dmr_{}", BASE64URL.encode([7; 48]));
    let long = format!("{}AAAA", reader.refresh_token);
    let bare = &reader.refresh_token["dmr_".len()..];
    let junk = "x".repeat(100_000);
    for token in [
        "",
        "dmr_",
        "dmr_!",
        &unknown,
        &long,
        bare,
        &reader.token,
        &junk,
    ] {
        assert_eq!(refused(auth.refresh(token).await), "unauthenticated");
    }
    let as_access = auth.check(&reader.refresh_token).await;
    assert_eq!(
        refused(as_access),
        "unauthenticated",
        "a refresh token as access"
    );
    auth.refreshed(&reader.refresh_token).await;
}

#[tokio::test]
async fn a_session_that_is_refreshed_very_often_lives_on() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let mut token = reader.refresh_token.clone();
    for _ in 0..40 {
        token = auth.refresh(&token).await.expect("refreshed").refresh_token;
    }
    // Nobody can tell any more what it is: no theft is claimed.
    let old = auth.refresh(&reader.refresh_token).await;
    let refusal = old.expect_err("refused");
    assert_eq!(refusal.code.name(), "rate_limited");
    assert!(refusal.retry_after.is_some());
    auth.refreshed(&token).await;
}
