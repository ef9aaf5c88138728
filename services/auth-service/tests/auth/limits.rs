//! Limits of sign-ins and what is like them: by address, by account and origin, by account over all
//! unknown origins.

use rpc::{
    auth::{
        Client, CompleteSecondFactorRequest, ConfirmPasswordResetRequest, LoginRequest,
        RegisterRequest, RequestPasswordResetRequest,
    },
    metadata::GATEWAY_CREDENTIAL,
    tonic::Request,
};
use service_kit::Problem;

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, Signed, address, answer, by_gateway, calls::registration, client,
    refused,
};

/// As contract and default have it.
pub(super) const FIVE: (&str, &str) = ("limits.auth_per_minute", "5");

const KINDS: [&str; 5] = ["login", "register", "reset", "confirm", "second step"];

impl Auth {
    /// A request of a kind that is limited by address. None of them hashes anything.
    pub(super) async fn limited(&self, kind: &str, client: Client) -> Result<(), Problem> {
        let mut auth = self.client();
        let client = Some(client);
        match kind {
            "login" => {
                let asked = LoginRequest {
                    client,
                    ..login("short")
                };
                answer(auth.login(by_gateway(asked)).await).map(drop)
            }
            "register" => {
                let asked = RegisterRequest {
                    client,
                    ..registration("no address", "no")
                };
                answer(auth.register(by_gateway(asked)).await).map(drop)
            }
            "reset" => {
                let email = "nobody@example.com".to_owned();
                let asked = RequestPasswordResetRequest { email, client };
                answer(auth.request_password_reset(by_gateway(asked)).await).map(drop)
            }
            "confirm" => {
                let asked = ConfirmPasswordResetRequest {
                    client,
                    ..Default::default()
                };
                answer(auth.confirm_password_reset(by_gateway(asked)).await).map(drop)
            }
            _ => {
                let asked = CompleteSecondFactorRequest {
                    client,
                    ..Default::default()
                };
                answer(auth.complete_second_factor(by_gateway(asked)).await).map(drop)
            }
        }
    }
}

fn login(password: &str) -> LoginRequest {
    LoginRequest {
        email: ADMIN_EMAIL.to_owned(),
        password: password.to_owned(),
        client: Some(client()),
    }
}

#[track_caller]
fn assert_limited<T: std::fmt::Debug>(answer: Result<T, Problem>) {
    let refusal = answer.expect_err("limited");
    assert_eq!(
        (refusal.code.name(), refusal.code.http_status()),
        ("rate_limited", 429)
    );
    let wait_s = refusal.retry_after.expect("when to come back").as_secs();
    assert!((1..=12).contains(&wait_s), "{wait_s}");
    let told = refusal.limits.expect("how the limits stand");
    assert!(told.limit.contains(";r=0;"), "{told:?}");
}

#[track_caller]
fn assert_not_limited<T: std::fmt::Debug>(answer: Result<T, Problem>) {
    if let Err(refusal) = answer {
        assert!(
            ["invalid", "invalid_credentials"].contains(&refusal.code.name()),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn an_address_has_five_a_minute_of_all_kinds_together() {
    let auth = Auth::with(&[FIVE]).await;
    for kind in KINDS {
        assert_not_limited(auth.limited(kind, client()).await);
    }
    for kind in KINDS {
        assert_limited(auth.limited(kind, client()).await);
    }
    for kind in KINDS {
        assert_not_limited(auth.limited(kind, address("192.0.2.2")).await);
    }
}

#[tokio::test]
async fn a_client_is_the_half_of_its_ipv6_address_that_it_was_given() {
    let auth = Auth::with(&[FIVE]).await;
    for host in 1..=5 {
        let one = address(&format!("2001:db8:0:1:{host}::{host}"));
        assert_not_limited(auth.limited("confirm", one).await);
        let mapped = address(["::ffff:198.51.100.1", "198.51.100.1"][host % 2]);
        assert_not_limited(auth.limited("confirm", mapped).await);
    }
    for used_up in ["2001:db8:0:1::9", "198.51.100.1", "::ffff:198.51.100.1"] {
        assert_limited(auth.limited("confirm", address(used_up)).await);
    }
    assert_not_limited(auth.limited("confirm", address("2001:db8:0:2::9")).await);
}

#[tokio::test]
async fn an_account_has_five_a_minute_from_one_network() {
    let auth = Auth::with(&[FIVE]).await;
    for host in 1..=5 {
        let from = address(&format!("198.51.100.{host}"));
        let admitted = auth.login_from(ADMIN_EMAIL, PASSWORD, from).await;
        admitted.expect("signed in");
    }
    let from = || address("198.51.100.6");
    assert_limited(auth.login_from(ADMIN_EMAIL, PASSWORD, from()).await);
    let other = auth
        .login_from("nobody@example.com", PASSWORD, from())
        .await;
    assert_eq!(refused(other), "invalid_credentials", "another account");
    let elsewhere = auth
        .login_from(ADMIN_EMAIL, PASSWORD, address("203.0.113.1"))
        .await;
    elsewhere.expect("another network");
}

#[tokio::test]
async fn guessing_from_everywhere_is_slowed_and_never_touches_a_known_device() {
    let auth = Auth::with(&[("limits.auth_per_minute", "1")]).await;
    let owner = auth
        .login_from(ADMIN_EMAIL, PASSWORD, address("192.0.2.1"))
        .await;
    let owner: Signed = owner.expect("signed in").into();
    for network in 1..13 {
        let from = address(&format!("198.51.{network}.1"));
        let guessed = auth.login_from(ADMIN_EMAIL, "not the password", from).await;
        assert_eq!(refused(guessed), "invalid_credentials", "{network}");
    }
    let spare = auth.login_from(ADMIN_EMAIL, "not the password", address("203.0.113.3"));
    assert_eq!(
        refused(spare.await),
        "invalid_credentials",
        "its network's own"
    );
    let from = || address("203.0.113.1");
    let guessed = auth
        .login_from(ADMIN_EMAIL, "not the password", from())
        .await;
    let refusal = guessed.expect_err("limited");
    assert_eq!(refusal.code.name(), "rate_limited");
    assert!(
        refusal
            .limits
            .expect("limits")
            .limit
            .contains("\"auth_unknown\";r=0")
    );
    let other = auth
        .login_from("nobody@example.com", PASSWORD, from())
        .await;
    assert_eq!(
        refused(other),
        "invalid_credentials",
        "it took nothing from the address"
    );
    let known = Client {
        device: owner.device.clone(),
        ..address("203.0.113.2")
    };
    let owner = auth.login_from(ADMIN_EMAIL, PASSWORD, known).await;
    owner.expect("a known device, wherever it is");
}

#[tokio::test]
async fn a_reported_address_counts_with_the_gateways_credential_alone() {
    let auth = Auth::with(&[FIVE]).await;
    let report = |credential: Option<&'static str>, host: u8| {
        let asked = LoginRequest {
            client: Some(address(&format!("203.0.{host}.1"))),
            ..login(PASSWORD)
        };
        let mut request = Request::new(asked);
        if let Some(shown) = credential {
            let shown = shown.parse().expect("metadata");
            request.metadata_mut().insert(GATEWAY_CREDENTIAL, shown);
        }
        async { answer(auth.client().login(request).await) }
    };
    let admin = auth
        .login_from(ADMIN_EMAIL, PASSWORD, address("192.0.2.1"))
        .await;
    for host in 0..5 {
        let shown =
            [None, Some(""), Some("a guess"), Some(&super::GATEWAY[1..])][usize::from(host) % 4];
        report(shown, host).await.expect("signed in");
    }
    for shown in [None, Some("a guess")] {
        assert_limited(report(shown, 99).await);
    }
    report(Some(super::GATEWAY), 99)
        .await
        .expect("another address");
    let signed_in = admin.expect("signed in").access_token;
    let seen: Vec<_> = auth.events(&signed_in, "signed_in").await;
    let of_peer = seen.iter().filter(|event| event.address == "127.0.0.1");
    assert_eq!(of_peer.count(), 5, "{seen:?}");
}
