//! Lockout: by account and origin, so that a stranger cannot lock an owner out.

use futures_util::future::join_all;
use rpc::auth::{Client, SignedIn, UnlockUserRequest};
use service_kit::Problem;
use test_kit::{PATIENCE, eventually};

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, Signed, address, answer, call, client, email_of, limits::FIVE,
    mail::NEW_PASSWORD, refused,
};

impl Auth {
    async fn guess(&self, email: &str, number: usize, from: Client) -> Result<(), Problem> {
        let password = format!("wrong password {number}");
        self.login_from(email, &password, from).await.map(drop)
    }

    /// Locks an account from somewhere. A Redis that is slow for a moment is not asked and misses a
    /// failure, so that it may take some more.
    pub(super) async fn lock(&self, email: &str, from: Client) {
        for number in 0..20 {
            let guessed = self.guess(email, number, from.clone()).await;
            match refused(guessed) {
                "account_locked" if number >= 5 => return,
                code => assert_eq!(code, "invalid_credentials", "{number}"),
            }
        }
        panic!("it locks");
    }

    async fn unlock(&self, by: &Signed, user_id: &str) -> Result<(), Problem> {
        let asked = UnlockUserRequest {
            user_id: user_id.to_owned(),
            client: None,
        };
        answer(self.client().unlock_user(call(&by.token, asked)).await).map(drop)
    }
}

/// Five wrong passwords from an address; then what the right one is answered there.
async fn after_five(auth: &Auth, email: &str, from: &str) -> Result<SignedIn, Problem> {
    for number in 0..5 {
        // However it is written, it is one address.
        let written = if number % 2 == 0 {
            email.to_owned()
        } else {
            email.to_uppercase()
        };
        let guessed = auth.guess(&written, number, address(from)).await;
        assert_eq!(refused(guessed), "invalid_credentials");
    }
    auth.login_from(email, PASSWORD, address(from)).await
}

#[tokio::test]
async fn five_different_wrong_passwords_lock_before_any_limit_is_told() {
    let auth = Auth::with(&[FIVE]).await;
    for (at, email) in [ADMIN_EMAIL, "nobody@example.com"].into_iter().enumerate() {
        let mut network = 0;
        let (locked, from) =
            eventually("a Redis that answers in time locks", PATIENCE, async || {
                network += 1;
                let from = format!("10.{at}.{network}.1");
                let refusal = after_five(&auth, email, &from).await.expect_err("refused");
                match refusal.code.name() {
                    "account_locked" => Ok((refusal, from)),
                    other => Err(other),
                }
            })
            .await;
        assert_eq!(locked.code.http_status(), 423);
        let wait_s = locked.retry_after.expect("when it ends").as_secs();
        assert!((890..=900).contains(&wait_s), "{wait_s}");
        let again = auth.guess(email, 0, address(&from)).await;
        assert_eq!(refused(again), "account_locked");
        let limited = auth.guess("other@example.com", 0, address(&from)).await;
        assert_eq!(
            refused(limited),
            "rate_limited",
            "the address has used up its five"
        );
    }
}

#[tokio::test]
async fn the_same_wrong_password_counts_once() {
    let auth = Auth::start().await;
    for round in 0..3 {
        for number in 0..4 {
            let guessed = auth.guess(ADMIN_EMAIL, number, client()).await;
            assert_eq!(refused(guessed), "invalid_credentials", "{round}");
        }
    }
    auth.admin().await;
}

#[tokio::test]
async fn a_stranger_cannot_lock_out_the_devices_of_an_owner() {
    let auth = Auth::start().await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    let stranger = || address("198.51.100.7");
    auth.lock(&email, stranger()).await;
    let neighbour = auth
        .login_from(&email, PASSWORD, address("198.51.100.8"))
        .await;
    assert_eq!(refused(neighbour), "account_locked", "the whole network");
    let known = Client {
        device: owner.device.clone(),
        ..stranger()
    };
    let again = auth.login_from(&email, PASSWORD, known.clone()).await;
    let again: Signed = again.expect("a known device").into();
    assert_eq!(again.device, owner.device, "it keeps its secret");
    auth.sign_in(&email).await;
    let forged = Client {
        device: "A".repeat(43),
        ..stranger()
    };
    let forged = auth.login_from(&email, PASSWORD, forged).await;
    assert_eq!(
        refused(forged),
        "account_locked",
        "a device that never signed in"
    );

    auth.lock(&email, known).await;
    auth.sign_in(&email).await;
    let other = auth.person("other").await;
    let others = Client {
        device: other.device.clone(),
        ..stranger()
    };
    let others = auth.login_from(&email, PASSWORD, others).await;
    assert_eq!(
        refused(others),
        "account_locked",
        "a device of another account"
    );
}

#[tokio::test]
async fn a_reset_works_while_it_is_locked_and_lifts_the_lock() {
    let auth = Auth::start().await;
    auth.lock(ADMIN_EMAIL, client()).await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    auth.login(ADMIN_EMAIL, NEW_PASSWORD)
        .await
        .expect("not locked any more");
}

#[tokio::test]
async fn an_admin_lifts_all_locks_of_an_account() {
    let auth = Auth::start().await;
    let (admin, reader) = (auth.admin().await, auth.person("reader").await);
    let email = email_of("reader");
    let other = || address("198.51.100.1");
    auth.lock(&email, client()).await;
    auth.lock(&email, other()).await;
    let id = reader.user_id.to_string();
    assert_eq!(refused(auth.unlock(&reader, &id).await), "forbidden");
    assert_eq!(refused(auth.unlock(&admin, "nobody").await), "not_found");
    auth.unlock(&admin, &id).await.expect("unlocked");
    auth.sign_in(&email).await;
    auth.login_from(&email, PASSWORD, other())
        .await
        .expect("signed in");
    auth.lock(&email, client()).await;
    for (kind, count) in [("account_locked", 3), ("account_unlocked", 1)] {
        let events = auth.events(&reader.token, kind).await;
        assert_eq!(events.len(), count, "{kind}: {events:?}");
    }
    let unlocked = auth.events(&reader.token, "account_unlocked").await;
    assert_eq!(unlocked[0].actor_id, admin.user_id.to_string());
}

#[tokio::test]
async fn the_right_password_forgets_the_wrong_ones() {
    let auth = Auth::start().await;
    for _ in 0..2 {
        for number in 0..4 {
            let guessed = auth.guess(ADMIN_EMAIL, number, client()).await;
            assert_eq!(refused(guessed), "invalid_credentials");
        }
        auth.admin().await;
    }
}

#[tokio::test]
async fn a_lock_ends_by_itself() {
    let auth = Auth::with(&[("lockout.seconds", "2")]).await;
    auth.lock(ADMIN_EMAIL, client()).await;
    eventually("the lock ends", PATIENCE, async || {
        auth.login(ADMIN_EMAIL, PASSWORD).await.map(drop)
    })
    .await;
    let guessed = auth.guess(ADMIN_EMAIL, 9, client()).await;
    assert_eq!(refused(guessed), "invalid_credentials", "it counts anew");
    auth.admin().await;
}

#[tokio::test]
async fn only_wrong_credentials_count() {
    let auth = Auth::with(&[("lockout.failures", "1000")]).await;
    let guesses = join_all((0..100).map(|number| auth.guess(ADMIN_EMAIL, number, client()))).await;
    let wrong = guesses.into_iter().map(refused).filter(|code| match *code {
        "invalid_credentials" => true,
        "unavailable" => false,
        other => panic!("{other}"),
    });
    let wrong = wrong.count();
    assert!(wrong < 100, "some find no place in the queue");
    let keys: Vec<String> = auth.ask_redis("KEYS", &["login_failures:*"]).await;
    let counted: String = auth.ask_redis("GET", &[&keys[0]]).await;
    // The moment of the first comes before them.
    let counted = counted.split(' ').count() - 1;
    assert!((1..=wrong).contains(&counted), "{counted} of {wrong}");
}
