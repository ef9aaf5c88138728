//! Limits are no weapon: whatever strangers try, an owner gets in, on a new device too.

use futures_util::future::join_all;
use rpc::auth::{Client, ConfirmPasswordResetRequest, UnlockUserRequest};
use service_kit::Problem;
use test_kit::MailServer;

use super::{
    Auth, PASSWORD, Signed, address, answer, by_gateway, call, email_of, limits::FIVE,
    mail::NEW_PASSWORD, refused,
};

/// From the `number`th network of its own.
fn network(number: usize) -> Client {
    address(&format!("10.{}.{}.7", number / 250, number % 250))
}

impl Auth {
    async fn try_password(&self, email: &str, password: &str, from: Client) -> Result<(), Problem> {
        self.login_from(email, password, from).await.map(drop)
    }

    /// Strangers use up what unknown devices may do in an hour, each network once.
    async fn use_up(&self, email: &str) {
        for number in 0..60 {
            let password = format!("wrong password {number}");
            let tried = self.try_password(email, &password, network(number)).await;
            assert_eq!(refused(tried), "invalid_credentials", "{number}");
        }
    }
}

#[tokio::test]
async fn what_is_no_password_takes_nothing_from_an_account() {
    let auth = Auth::with(&[FIVE]).await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    // The attack of the report: five from each of many networks.
    for number in 0..200 {
        let tried = auth.try_password(&email, "x", network(number / 4)).await;
        assert_eq!(refused(tried), "invalid_credentials", "{number}");
    }
    let fresh = auth.login_from(&email, PASSWORD, address("203.0.113.9"));
    fresh.await.expect("signed in");
    let told = auth.events(&owner.token, "sign_in_failed").await;
    assert_eq!(told.len(), 50, "each network is one event an hour");
}

#[tokio::test]
async fn failures_from_one_network_are_one_event_an_hour_with_their_count() {
    let auth = Auth::start().await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    let fail = async |times: usize| {
        for number in 0..times {
            let from = address(&format!("198.51.100.{}", number % 200));
            let tried = auth.try_password(&email, "x", from).await;
            assert_eq!(refused(tried), "invalid_credentials");
        }
    };
    fail(30).await;
    let told = auth.events(&owner.token, "sign_in_failed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].detail, "1 attempt", "recorded at once");
    auth.sql("UPDATE sign_in_failures SET recorded_at = recorded_at - 3600000")
        .await;
    fail(1).await;
    let told = auth.events(&owner.token, "sign_in_failed").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].detail, "30 attempts", "and the others since");
}

#[tokio::test]
async fn who_signs_in_right_uses_nothing_up() {
    let auth = Auth::with(&[("limits.auth_per_minute", "1")]).await;
    auth.register("owner").await.expect("an account");
    // Twelve an hour would be the limit; each from a device of its own.
    let email = email_of("owner");
    for number in 0..40 {
        let signed_in = auth.login_from(&email, PASSWORD, network(number)).await;
        signed_in.expect("signed in");
    }
}

#[tokio::test]
async fn once_strangers_used_the_limit_up_each_network_has_a_permit_of_its_own() {
    let auth = Auth::with(&[FIVE]).await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    auth.use_up(&email).await;
    let victim = || address("203.0.113.9");
    let tried = auth.try_password(&email, "wrong password", victim()).await;
    assert_eq!(refused(tried), "invalid_credentials", "the one permit");
    let limited = auth.login_from(&email, PASSWORD, victim()).await;
    assert_eq!(refused(limited), "rate_limited");
    for other in ["203.0.114.9", "203.0.114.10"] {
        auth.login_from(&email, PASSWORD, address(other))
            .await
            .expect("a success gives it back");
    }
    let known = Client {
        device: owner.device.clone(),
        ..victim()
    };
    auth.login_from(&email, PASSWORD, known)
        .await
        .expect("known devices go on");
}

#[tokio::test]
async fn beyond_ten_times_the_limit_known_devices_and_the_reset_go_on() {
    let inbox = MailServer::start().await;
    let settings = [("mail.url", &*inbox.url()), ("limits.auth_per_minute", "2")];
    let auth = Auth::with(&settings).await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    let tried = (0..270).map(|number| {
        let (auth, email) = (&auth, &email);
        async move {
            let password = format!("wrong password {number}");
            auth.try_password(email, &password, network(number)).await
        }
    });
    let mut limited = 0;
    for tried in tried {
        limited += usize::from(refused(tried.await) == "rate_limited");
    }
    assert!((5..=8).contains(&limited), "24 and 240 an hour: {limited}");
    let fresh = || address("203.0.113.9");
    let refusal = auth.login_from(&email, PASSWORD, fresh()).await;
    assert_eq!(refused(refusal), "rate_limited");
    let known = Client {
        device: owner.device.clone(),
        ..address("203.0.115.9")
    };
    auth.login_from(&email, PASSWORD, known)
        .await
        .expect("known devices go on");

    auth.ask_reset(&email).await.expect("asked");
    let token = loop {
        let mail = inbox.mail_to(&email).await;
        if mail.data.contains("Subject: DevMentor: Set a new password") {
            break mail.token().to_owned();
        }
    };
    let confirmed = ConfirmPasswordResetRequest {
        token,
        new_password: NEW_PASSWORD.to_owned(),
        client: Some(fresh()),
    };
    let confirmed = auth
        .client()
        .confirm_password_reset(by_gateway(confirmed))
        .await;
    let device = answer(confirmed).expect("set").device;
    assert!(!device.is_empty());
    for device in [device, String::new()] {
        let from = Client {
            device,
            ..address("203.0.116.9")
        };
        let signed_in = auth.login_from(&email, NEW_PASSWORD, from).await;
        signed_in.expect("the device is known, and the limits begin anew");
    }
}

#[tokio::test]
async fn an_admin_lifts_limits_with_the_locks() {
    let auth = Auth::with(&[FIVE]).await;
    let admin = auth.admin().await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    auth.use_up(&email).await;
    let victim = || address("203.0.113.9");
    let tried = auth.try_password(&email, "wrong password", victim()).await;
    assert_eq!(refused(tried), "invalid_credentials");
    let limited = auth.login_from(&email, PASSWORD, victim()).await;
    assert_eq!(refused(limited), "rate_limited");
    let asked = UnlockUserRequest {
        user_id: owner.user_id.to_string(),
        client: None,
    };
    answer(auth.client().unlock_user(call(&admin.token, asked)).await).expect("unlocked");
    auth.login_from(&email, PASSWORD, victim())
        .await
        .expect("signed in");
}

#[tokio::test]
async fn a_network_has_a_limit_beside_its_addresses() {
    let auth = Auth::with(&[("limits.auth_per_minute", "2")]).await;
    let tried = async |from: &str| {
        let tried = auth
            .try_password("nobody@example.com", "x", address(from))
            .await;
        refused(tried)
    };
    for host in 0..20 {
        let from = format!("2001:db8:7:{host:x}::1");
        assert_eq!(tried(&from).await, "invalid_credentials", "{from}");
    }
    assert_eq!(tried("2001:db8:7:ffff::1").await, "rate_limited");
    assert_eq!(tried("2001:db8:8::1").await, "invalid_credentials");
}

#[tokio::test]
async fn a_storm_of_strangers_leaves_places_for_known_devices() {
    let auth = Auth::start().await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    let known = || Client {
        device: owner.device.clone(),
        ..address("203.0.113.9")
    };
    let storm = join_all((0..600).map(|number| {
        let auth = &auth;
        async move {
            let email = format!("nobody{number}@example.com");
            let from = address(&format!("10.{}.{}.7", number / 250, number % 250));
            auth.try_password(&email, "wrong password", from).await
        }
    }));
    let owners = async {
        let mut signed_in = Vec::new();
        for _ in 0..8 {
            signed_in.push(auth.login_from(&email, PASSWORD, known()).await);
        }
        signed_in
    };
    let (storm, owners) = tokio::join!(storm, owners);
    let turned_away = storm.into_iter().map(refused);
    let turned_away = turned_away.filter(|code| *code == "unavailable").count();
    assert!(turned_away > 100, "it is a storm: {turned_away}");
    for signed_in in owners {
        let _: Signed = signed_in.expect("signed in").into();
    }
}

/// With a second factor, the permit comes back with the second step.
#[tokio::test]
async fn what_the_first_step_took_comes_back_with_the_second() {
    let auth = Auth::with(&[FIVE]).await;
    let owner = auth.person("owner").await;
    let email = email_of("owner");
    let factor = auth.set_up(&owner).await;
    auth.use_up(&email).await;
    for _ in 0..2 {
        let from = || address("203.0.114.9");
        let challenge =
            super::second_factor::challenge(auth.raw_login(&email, PASSWORD, from()).await);
        let now = super::second_factor::code(&factor.secret, 0);
        auth.second_step_from(&challenge, &now, from())
            .await
            .expect("signed in by the permit of its network");
        auth.forget_steps().await;
    }
}
