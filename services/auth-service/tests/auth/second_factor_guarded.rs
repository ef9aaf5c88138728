//! What guards the second factor, and what may not get around it.

use rpc::auth::{ChangePasswordRequest, DeleteMeRequest, ReauthenticateRequest, UpdateMeRequest};
use service_kit::Problem;

use super::{
    Auth, PASSWORD, Signed, address, answer, by_gateway, call, client, email_of, refused,
    second_factor::code,
};

impl Auth {
    async fn reauthenticate(&self, token: &str, password: &str, code: &str) -> Result<(), Problem> {
        let asked = ReauthenticateRequest {
            password: password.to_owned(),
            code: code.to_owned(),
            client: Some(client()),
        };
        answer(self.client().reauthenticate(call(token, asked)).await).map(drop)
    }

    /// What takes a password of late.
    async fn guarded(&self, token: &str) -> Vec<Result<(), Problem>> {
        let mut auth = self.client();
        let moved = UpdateMeRequest {
            email: Some("other@example.com".to_owned()),
            ..UpdateMeRequest::default()
        };
        vec![
            self.begin_totp(token).await.map(drop),
            self.remove_totp(token).await,
            answer(auth.update_me(call(token, moved)).await).map(drop),
            answer(
                auth.delete_me(call(token, DeleteMeRequest::default()))
                    .await,
            )
            .map(drop),
        ]
    }

    async fn change_password(&self, signed: &Signed, new: &str) -> Result<(), Problem> {
        let asked = ChangePasswordRequest {
            current_password: PASSWORD.to_owned(),
            new_password: new.to_owned(),
            client: Some(client()),
            ..ChangePasswordRequest::default()
        };
        let mut request = by_gateway(asked);
        let bearer = format!("Bearer {}", signed.token).parse();
        request
            .metadata_mut()
            .insert("authorization", bearer.expect("metadata"));
        answer(self.client().change_password(request).await).map(drop)
    }
}

/// Five minutes pass.
const LATER: &str = "UPDATE sessions SET authenticated_at = authenticated_at - 300000";

#[tokio::test]
async fn what_guards_an_account_takes_a_password_of_late() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.sql(LATER).await;
    for answer in auth.guarded(&reader.token).await {
        assert_eq!(refused(answer), "reauthentication_required");
    }
    let wrong = auth
        .reauthenticate(&reader.token, "not the password", "")
        .await;
    assert_eq!(refused(wrong), "invalid_credentials");
    assert_eq!(
        refused(auth.begin_totp(&reader.token).await),
        "reauthentication_required"
    );
    auth.reauthenticate(&reader.token, PASSWORD, "")
        .await
        .expect("confirmed");
    auth.begin_totp(&reader.token).await.expect("of late");
    let refreshed = auth
        .refresh(&reader.refresh_token)
        .await
        .expect("refreshed");
    auth.sql(LATER).await;
    let refreshed = auth.begin_totp(&refreshed.token).await;
    assert_eq!(
        refused(refreshed),
        "reauthentication_required",
        "a refresh is no password"
    );
}

#[tokio::test]
async fn with_a_second_factor_it_takes_a_code_as_well() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let factor = auth.set_up(&reader).await;
    auth.sql(LATER).await;
    let without = auth
        .reauthenticate(&reader.token, PASSWORD, "")
        .await
        .expect_err("refused");
    assert_eq!(without.errors[0].field, "code");
    let wrong = auth.reauthenticate(&reader.token, PASSWORD, "000000").await;
    assert_eq!(refused(wrong), "invalid_credentials");
    assert_eq!(
        refused(auth.remove_totp(&reader.token).await),
        "reauthentication_required"
    );
    let now = code(&factor.secret, 0);
    auth.reauthenticate(&reader.token, PASSWORD, &now)
        .await
        .expect("confirmed");
    let replayed = auth.reauthenticate(&reader.token, PASSWORD, &now).await;
    assert_eq!(refused(replayed), "invalid_credentials");
    auth.remove_totp(&reader.token).await.expect("of late");
}

#[tokio::test]
async fn a_new_password_does_not_stand_in_for_a_code() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.set_up(&reader).await;
    auth.sql(LATER).await;
    auth.change_password(&reader, "another battery, another horse")
        .await
        .expect("changed");
    assert_eq!(
        refused(auth.remove_totp(&reader.token).await),
        "reauthentication_required"
    );
}

#[tokio::test]
async fn wrong_codes_lock_as_wrong_passwords_do() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let factor = auth.set_up(&reader).await;
    let email = email_of("reader");
    let challenge = auth.first_step(&email).await;
    let guesses = [
        "000000",
        "junk",
        "0000-0000-0000",
        "0000-0000-0001",
        "0000-0000-0002",
    ];
    for guess in guesses {
        let guessed = auth.second_step(&challenge, guess).await;
        assert_eq!(refused(guessed), "invalid_credentials", "{guess}");
    }
    let now = code(&factor.secret, 0);
    let right = auth.second_step(&challenge, &now).await;
    assert_eq!(refused(right), "account_locked");
    let again = auth.raw_login(&email, PASSWORD, client()).await;
    assert_eq!(
        refused(answer(again)),
        "account_locked",
        "the first step as well"
    );
    let known = rpc::auth::Client {
        device: reader.device.clone(),
        ..client()
    };
    let used_up = auth.second_step_from(&challenge, &now, known.clone()).await;
    assert_eq!(refused(used_up), "invalid_credentials");
    let again = auth.raw_login(&email, PASSWORD, known.clone()).await;
    let challenge = super::second_factor::challenge(again);
    let owner = auth.second_step_from(&challenge, &now, known).await;
    owner.expect("the owner's device is another origin");
}

#[tokio::test]
async fn the_right_password_alone_does_not_forgive_wrong_codes() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.set_up(&reader).await;
    let email = email_of("reader");
    for guess in ["111111", "222222", "333333", "444444", "555555"] {
        let challenge = auth.first_step(&email).await;
        let guessed = auth.second_step(&challenge, guess).await;
        assert_eq!(refused(guessed), "invalid_credentials");
    }
    let again = auth.raw_login(&email, PASSWORD, client()).await;
    assert_eq!(refused(answer(again)), "account_locked");
}

#[tokio::test]
async fn wrong_codes_lock_where_one_is_asked_for_again() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.set_up(&reader).await;
    for guess in ["111111", "222222", "333333", "444444", "555555"] {
        let guessed = auth.reauthenticate(&reader.token, PASSWORD, guess).await;
        assert_eq!(refused(guessed), "invalid_credentials");
    }
    let locked = auth.reauthenticate(&reader.token, PASSWORD, "666666").await;
    assert_eq!(refused(locked), "account_locked");
    auth.check(&reader.token)
        .await
        .expect("the session lives on");
}

/// A thief with a session and the password, on many networks.
#[tokio::test]
async fn codes_are_guessed_five_times_where_one_is_asked_for_again_from_wherever() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    auth.set_up(&reader).await;
    let mut guesses = 0;
    let refusal = loop {
        let asked = ReauthenticateRequest {
            password: PASSWORD.to_owned(),
            code: format!("{guesses:06}"),
            client: Some(address(&format!("10.0.{guesses}.7"))),
        };
        let mut request = by_gateway(asked);
        let bearer = format!("Bearer {}", reader.token).parse();
        request
            .metadata_mut()
            .insert("authorization", bearer.expect("metadata"));
        let answer = answer(auth.client().reauthenticate(request).await);
        match refused(answer) {
            "invalid_credentials" => guesses += 1,
            other => break other,
        }
        assert!(guesses <= 30, "{guesses}");
    };
    assert_eq!((refusal, guesses), ("account_locked", 5));
}
