//! What no client of ours sends: it is refused in words, and is no fault of ours.

use prost_types::Timestamp;
use rpc::auth::{ListSecurityEventsRequest, ListUsersRequest, LoginRequest, SignedIn};
use service_kit::Problem;

use super::{ADMIN_EMAIL, Auth, PASSWORD, Signed, answer, call, client, email_of, refused};

const ODD: [&str; 5] = [
    "\0",
    "a\0b@example.com",
    "\u{fffe}@example.com",
    "'; DROP TABLE users; --",
    "%",
];

impl Auth {
    async fn list_by(&self, admin: &Signed, email: &str) -> Result<usize, Problem> {
        let asked = ListUsersRequest {
            email: email.to_owned(),
            ..ListUsersRequest::default()
        };
        let listed = self.client().list_users(call(&admin.token, asked)).await;
        Ok(answer(listed)?.users.len())
    }

    async fn find_odd(
        &self,
        admin: &Signed,
        asked: ListSecurityEventsRequest,
    ) -> Result<usize, Problem> {
        let listed = self
            .client()
            .list_security_events(call(&admin.token, asked))
            .await;
        Ok(answer(listed)?.events.len())
    }
}

fn refused_credentials(answer: Result<SignedIn, Problem>) {
    assert_eq!(refused(answer), "invalid_credentials");
}

#[tokio::test]
async fn odd_texts_are_wrong_and_nothing_worse() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    for odd in ODD {
        refused_credentials(auth.login(odd, PASSWORD).await);
        refused_credentials(auth.login(ADMIN_EMAIL, odd).await);
        assert_eq!(refused(auth.refresh(odd).await), "unauthenticated");
        assert_eq!(refused(auth.verify_email(odd).await), "invalid_credentials");
        assert_eq!(
            refused(auth.reset(odd, "another battery, another horse").await),
            "invalid_credentials"
        );
        assert_eq!(
            refused(auth.second_step(odd, odd).await),
            "invalid_credentials"
        );
        assert_eq!(
            auth.list_by(&admin, odd).await.expect("a page"),
            0,
            "{odd:?}"
        );
        let of_type = ListSecurityEventsRequest {
            r#type: odd.to_owned(),
            ..ListSecurityEventsRequest::default()
        };
        let found = auth.find_odd(&admin, of_type).await;
        assert_eq!(refused(found), "invalid", "{odd:?}");
    }
    for odd in ["\0", "a\0b@example.com", "'; DROP TABLE users; --"] {
        assert_eq!(refused(auth.ask_reset(odd).await), "invalid");
        assert_eq!(refused(auth.move_to(&admin, odd).await), "invalid");
    }
    assert!(!auth.process.log().contains("internal error"));
}

#[tokio::test]
async fn moments_beyond_all_time_bound_nothing() {
    let auth = Auth::start().await;
    let admin = auth.admin().await;
    let found = auth.find_odd(&admin, ListSecurityEventsRequest::default());
    let all = found.await.expect("a page");
    for (seconds, nanos, is_later) in [
        (i64::MAX, i32::MAX, true),
        (i64::MIN, i32::MIN, false),
        (253_402_300_800, 0, true),
    ] {
        let moment = Some(Timestamp { seconds, nanos });
        let from = ListSecurityEventsRequest {
            from: moment,
            ..Default::default()
        };
        let to = ListSecurityEventsRequest {
            to: moment,
            ..Default::default()
        };
        let found = (
            auth.find_odd(&admin, from).await.expect("a page"),
            auth.find_odd(&admin, to).await.expect("a page"),
        );
        assert_eq!(
            found,
            if is_later { (0, all) } else { (all, 0) },
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn the_largest_password_is_checked_and_a_larger_one_is_not_hashed() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    let before = auth.metric("devmentor_password_hashes_total").await;
    for password in [
        "x".repeat(257),
        "x".repeat(3 << 20),
        "\u{e9}".repeat(257),
        String::new(),
    ] {
        refused_credentials(auth.login(&email_of("reader"), &password).await);
    }
    let after = auth.metric("devmentor_password_hashes_total").await;
    assert_eq!((after - before) as u64, 0);
    refused_credentials(auth.login(&email_of("reader"), &"\u{e9}".repeat(256)).await);
    let huge = LoginRequest {
        email: "x".repeat(8 << 20),
        password: PASSWORD.to_owned(),
        client: Some(client()),
    };
    let refusal = answer(auth.client().login(huge).await);
    assert!(["too_large", "invalid_credentials"].contains(&refused(refusal)));
}
