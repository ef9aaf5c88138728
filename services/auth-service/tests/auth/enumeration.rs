//! Nothing tells whether an address has an account: not the answer, not the work behind it.

use std::collections::BTreeMap;

use rpc::{
    auth::{ConfirmPasswordResetRequest, RegisterResponse, RequestPasswordResetRequest},
    tonic::{Code, Response, Status, metadata::MetadataMap},
};
use test_kit::MailServer;

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, address, by_gateway, calls::registration, email_of,
    mail::NEW_PASSWORD,
};

/// All that an answer says, but for its id and the passing of time.
#[derive(Debug, PartialEq)]
struct Told {
    code: Code,
    message: String,
    details: Vec<u8>,
    metadata: BTreeMap<String, String>,
}

impl Told {
    fn of<T>(answer: Result<Response<T>, Status>) -> Self {
        match answer {
            Ok(answer) => Self {
                code: Code::Ok,
                message: String::new(),
                details: Vec::new(),
                metadata: timeless(answer.metadata()),
            },
            Err(status) => Self {
                code: status.code(),
                message: without_the_wait(status.message()),
                details: status.details().to_vec(),
                metadata: timeless(status.metadata()),
            },
        }
    }

    /// When to try again is told to the second.
    fn without_details(self) -> Self {
        assert!(!self.details.is_empty());
        Self {
            details: Vec::new(),
            ..self
        }
    }

    /// How much is left grows with time.
    fn without_what_is_left(mut self) -> Self {
        if let Some(left) = self.metadata.get_mut("ratelimit") {
            *left = left.replace(|character: char| character.is_ascii_digit(), "");
        }
        self.without_details()
    }
}

/// A wait gets shorter between two answers.
fn without_the_wait(message: &str) -> String {
    let words = "Try again in ";
    let Some((before, after)) = message.split_once(words) else {
        return message.to_owned();
    };
    let end = after.find(['.', ',']).unwrap_or(after.len());
    format!("{before}{words}{}", &after[end..])
}

fn timeless(metadata: &MetadataMap) -> BTreeMap<String, String> {
    let told = metadata
        .as_ref()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id", "traceparent"].contains(&name.as_str()));
    told.map(|(name, value)| {
        let value = value.to_str().expect("a text");
        let limits = value
            .split(", ")
            .map(|limit| match limit.split_once(";t=") {
                Some((left, _)) => left,
                None => limit,
            });
        (name.to_string(), limits.collect::<Vec<_>>().join(", "))
    })
    .collect()
}

impl Auth {
    async fn told_login(&self, email: &str, password: &str, from: &str) -> Told {
        Told::of(self.raw_login(email, password, address(from)).await)
    }

    async fn told_reset(&self, email: &str, from: &str) -> Told {
        let asked = RequestPasswordResetRequest {
            email: email.to_owned(),
            client: Some(address(from)),
        };
        Told::of(
            self.client()
                .request_password_reset(by_gateway(asked))
                .await,
        )
    }

    /// How many runs of Argon2id something takes.
    async fn hashes<T>(&self, work: impl Future<Output = T>) -> u64 {
        let before = self.metric("devmentor_password_hashes_total").await;
        work.await;
        (self.metric("devmentor_password_hashes_total").await - before) as u64
    }
}

const NOBODY: &str = "nobody@example.com";

#[tokio::test]
async fn known_and_unknown_addresses_are_answered_alike_up_to_their_locks() {
    let auth = Auth::start().await;
    for attempt in 0..7 {
        let password = format!("wrong password {attempt}");
        let known = auth.told_login(ADMIN_EMAIL, &password, "192.0.2.1").await;
        let unknown = auth.told_login(NOBODY, &password, "192.0.2.1").await;
        assert_eq!(
            known.without_what_is_left(),
            unknown.without_what_is_left(),
            "{attempt}"
        );
    }
    let known = auth.told_login(ADMIN_EMAIL, PASSWORD, "192.0.2.1").await;
    let unknown = auth.told_login(NOBODY, PASSWORD, "192.0.2.1").await;
    assert!(
        known.message.contains("Too many wrong passwords"),
        "{known:?}"
    );
    assert_eq!(
        known.without_what_is_left(),
        unknown.without_what_is_left(),
        "the right password too"
    );
}

#[tokio::test]
async fn known_and_unknown_addresses_are_answered_alike_up_to_their_limits() {
    let auth = Auth::with(&[("limits.auth_per_minute", "2")]).await;
    for attempt in 0..4 {
        let known = auth
            .told_login(ADMIN_EMAIL, "not the password", "192.0.2.1")
            .await;
        let unknown = auth
            .told_login(NOBODY, "not the password", "198.51.100.1")
            .await;
        let limited = known.message.contains("There may be 2");
        assert_eq!(limited, attempt >= 2, "{known:?}");
        assert!(known.metadata.contains_key("ratelimit"), "{known:?}");
        assert_eq!(
            known.without_details(),
            unknown.without_details(),
            "{attempt}"
        );
    }
}

#[tokio::test]
async fn a_reset_is_answered_alike_after_the_same_work() {
    let auth = Auth::with(&[("limits.auth_per_minute", "2")]).await;
    for attempt in 0..4 {
        let known = auth.told_reset(ADMIN_EMAIL, "192.0.2.1").await;
        let unknown = auth.told_reset(NOBODY, "198.51.100.1").await;
        assert_eq!((known.code == Code::Ok), attempt < 2, "{known:?}");
        let details = [&known, &unknown].map(|told| told.details.is_empty());
        assert_eq!(details, [attempt < 2; 2]);
        let bare = |told: Told| (told.code, told.message, told.metadata);
        assert_eq!(bare(known), bare(unknown), "{attempt}");
    }
    let none = auth
        .hashes(auth.told_reset(ADMIN_EMAIL, "203.0.113.1"))
        .await;
    assert_eq!(none, 0);
}

#[tokio::test]
async fn each_path_of_a_sign_in_costs_one_run_of_argon2id() {
    let auth = Auth::start().await;
    for (email, password, runs) in [
        (ADMIN_EMAIL, PASSWORD, 1),
        (ADMIN_EMAIL, "not the password", 1),
        (NOBODY, "not the password", 1),
        (ADMIN_EMAIL, "short", 0),
        (NOBODY, "short", 0),
    ] {
        let login = auth.told_login(email, password, "192.0.2.1");
        assert_eq!(auth.hashes(login).await, runs, "{email} {password}");
    }
    for email in [ADMIN_EMAIL, NOBODY] {
        auth.lock(email, address("198.51.100.1")).await;
    }
    for email in [ADMIN_EMAIL, NOBODY] {
        let locked = auth.told_login(email, PASSWORD, "198.51.100.1");
        assert_eq!(auth.hashes(locked).await, 0, "{email}");
    }
}

#[tokio::test]
async fn registering_what_is_taken_and_confirming_what_is_junk_costs_the_same_work() {
    let auth = Auth::start().await;
    for (email, handle) in [
        ("new@example.com", "new"),
        (ADMIN_EMAIL, "other"),
        ("a@b.c", "new"),
    ] {
        let registered = auth.client();
        let asked = registration(email, handle);
        let work = async { registered.clone().register(asked).await };
        assert_eq!(auth.hashes(work).await, 1, "{email}");
    }
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let good = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    for token in ["junk", &good] {
        let work = async {
            let asked = ConfirmPasswordResetRequest {
                token: token.to_owned(),
                new_password: NEW_PASSWORD.to_owned(),
                client: None,
            };
            auth.client().confirm_password_reset(asked).await
        };
        assert_eq!(auth.hashes(work).await, 1, "{token}");
    }
}

#[tokio::test]
async fn where_addresses_are_proven_a_registration_says_nothing() {
    let inbox = MailServer::start().await;
    let settings = [
        ("auth.registration", "verified"),
        ("mail.url", &*inbox.url()),
    ];
    let auth = Auth::with(&settings).await;
    let mut told = Vec::new();
    for (email, handle) in [
        (email_of("new"), "new"),
        (ADMIN_EMAIL.to_owned(), "other"),
        (email_of("third"), "admin"),
    ] {
        let answer = auth.client().register(registration(&email, handle)).await;
        let body = answer.as_ref().map(|answer| answer.get_ref().clone());
        assert_eq!(body.ok(), Some(RegisterResponse { user: None }));
        let mut said = Told::of(answer);
        // How much is left goes down with each, as it does for everybody.
        said.metadata.remove("ratelimit");
        told.push(said);
        inbox.mail_to(&email).await;
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}
