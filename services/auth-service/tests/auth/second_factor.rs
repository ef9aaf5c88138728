//! The second factor: set up, asked for at each sign-in, each code good once.

use futures_util::future::join_all;
use rpc::{
    auth::{
        BeginTotpRequest, BeginTotpResponse, Client, CompleteSecondFactorRequest,
        ConfirmTotpRequest, LoginResponse, RemoveTotpRequest, login_response::Outcome,
    },
    tonic::{Response, Status},
};
use service_kit::Problem;
use test_kit::{Mail, MailServer};
use totp_rs::{Algorithm, Secret, TOTP};

use super::{
    Auth, PASSWORD, Signed, address, answer, by_gateway, call, client, email_of, mail::WAITING,
    refused,
};

/// A second factor that is on.
pub(super) struct Factor {
    pub(super) secret: String,
    pub(super) recovery_codes: Vec<String>,
}

/// The code of now, or of so many steps from now.
pub(super) fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::Encoded(secret.to_owned()).to_bytes();
    let secret = secret.expect("Base32");
    let totp = TOTP::new_unchecked(Algorithm::SHA1, 6, 0, 30, secret, None, String::new());
    let now_s = redis_contracts::Timestamp::now().unix_ms() / 1000;
    totp.generate((now_s + 30 * steps).unsigned_abs())
}

/// The challenge that a sign-in is answered with.
pub(super) fn challenge(answer: Result<Response<LoginResponse>, Status>) -> String {
    match answer.expect("an answer").into_inner().outcome {
        Some(Outcome::SecondFactor(asked)) => {
            assert_eq!(asked.expires_in, 300);
            asked.challenge
        }
        other => panic!("a second step is asked for: {other:?}"),
    }
}

impl Auth {
    pub(super) async fn begin_totp(&self, token: &str) -> Result<BeginTotpResponse, Problem> {
        answer(
            self.client()
                .begin_totp(call(token, BeginTotpRequest {}))
                .await,
        )
    }

    async fn confirm_totp(&self, token: &str, code: &str) -> Result<Vec<String>, Problem> {
        let asked = ConfirmTotpRequest {
            code: code.to_owned(),
            client: Some(client()),
        };
        let answer = answer(self.client().confirm_totp(call(token, asked)).await)?;
        Ok(answer.recovery_codes)
    }

    pub(super) async fn remove_totp(&self, token: &str) -> Result<(), Problem> {
        let asked = RemoveTotpRequest {
            client: Some(client()),
        };
        answer(self.client().remove_totp(call(token, asked)).await).map(drop)
    }

    /// Turns the second factor on, as if that had been a while ago: codes of now are good.
    pub(super) async fn set_up(&self, signed: &Signed) -> Factor {
        let secret = self.begin_totp(&signed.token).await.expect("begun").secret;
        let confirmed = self.confirm_totp(&signed.token, &code(&secret, 0)).await;
        self.forget_steps().await;
        Factor {
            recovery_codes: confirmed.expect("confirmed"),
            secret,
        }
    }

    /// As after a minute without a code.
    pub(super) async fn forget_steps(&self) {
        self.sql("UPDATE users SET totp_step = totp_step - 2").await;
    }

    /// The challenge of a sign-in.
    pub(super) async fn first_step(&self, email: &str) -> String {
        self.first_step_with(email, PASSWORD).await
    }

    pub(super) async fn first_step_with(&self, email: &str, password: &str) -> String {
        challenge(self.raw_login(email, password, client()).await)
    }

    pub(super) async fn second_step(&self, challenge: &str, code: &str) -> Result<Signed, Problem> {
        self.second_step_from(challenge, code, client()).await
    }

    pub(super) async fn second_step_from(
        &self,
        challenge: &str,
        code: &str,
        client: Client,
    ) -> Result<Signed, Problem> {
        let asked = CompleteSecondFactorRequest {
            challenge: challenge.to_owned(),
            code: code.to_owned(),
            client: Some(client),
        };
        let answer = self
            .client()
            .complete_second_factor(by_gateway(asked))
            .await;
        Ok(super::answer(answer)?.signed_in.expect("signed in").into())
    }
}

#[tokio::test]
async fn it_is_set_up_with_a_first_code_and_asked_for_at_each_sign_in() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let begun = auth.begin_totp(&reader.token).await.expect("begun");
    assert!(
        begun
            .uri
            .starts_with("otpauth://totp/DevMentor:reader%40example.com?")
    );
    assert!(begun.uri.contains(&begun.secret) && begun.qr_svg.starts_with("<svg"));
    let wrong = auth.confirm_totp(&reader.token, "000000").await;
    assert_eq!(refused(wrong), "invalid");
    auth.sign_in(&email_of("reader")).await;
    let first = code(&begun.secret, 0);
    let codes = auth.confirm_totp(&reader.token, &first).await.expect("on");
    assert_eq!(codes.len(), 10);
    assert!(auth.me(&reader.token).await.expect("me").second_factor);
    let copy = auth.held(reader.session_id).await.expect("a hot copy");
    assert!(copy.user.second_factor, "every guard knows");
    assert_eq!(refused(auth.begin_totp(&reader.token).await), "conflict");

    let challenge = auth.first_step(&email_of("reader")).await;
    let replayed = auth.second_step(&challenge, &first).await;
    assert_eq!(
        refused(replayed),
        "invalid_credentials",
        "it was used to set it up"
    );
    let next = code(&begun.secret, 1);
    let signed = auth
        .second_step(&challenge, &next)
        .await
        .expect("signed in");
    auth.check(&signed.token).await.expect("live");
    let again = auth.second_step(&challenge, &next).await;
    assert_eq!(
        refused(again),
        "invalid_credentials",
        "a challenge is good once"
    );
}

#[tokio::test]
async fn one_code_makes_one_session_however_many_present_it_at_once() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let factor = auth.set_up(&reader).await;
    let email = email_of("reader");
    let challenges = [auth.first_step(&email).await, auth.first_step(&email).await];
    let now = code(&factor.secret, 0);
    let tried = (0..8).map(|at: usize| auth.second_step(&challenges[at % 2], &now));
    let (signed_in, refusals): (Vec<_>, Vec<_>) =
        join_all(tried).await.into_iter().partition(Result::is_ok);
    assert_eq!(signed_in.len(), 1);
    for refusal in refusals {
        assert_eq!(refused(refusal), "invalid_credentials");
    }
    auth.forget_steps().await;
    let again = code(&factor.secret, 0);
    let left = join_all(
        challenges
            .iter()
            .map(|challenge| auth.second_step(challenge, &again)),
    );
    let good = left.await.into_iter().filter(Result::is_ok).count();
    assert_eq!(
        good, 1,
        "the other challenge was not used up, and a code counts once in a lock"
    );
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_a_code_once() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let factor = auth.set_up(&reader).await;
    let email = email_of("reader");
    let written = factor.recovery_codes[3].to_uppercase().replace('-', " ");
    let challenge = auth.first_step(&email).await;
    let signed = auth
        .second_step(&challenge, &written)
        .await
        .expect("signed in");
    let used = auth.events(&signed.token, "recovery_code_used").await;
    assert_eq!(used.len(), 1);
    let challenge = auth.first_step(&email).await;
    let again = auth
        .second_step(&challenge, &factor.recovery_codes[3])
        .await;
    assert_eq!(refused(again), "invalid_credentials");
    let other = auth
        .second_step(&challenge, &factor.recovery_codes[4])
        .await;
    other.expect("the others are still good");
}

#[tokio::test]
async fn turned_off_it_is_not_asked_for_and_the_mailbox_hears_of_it() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let reader = auth.person("reader").await;
    let email = email_of("reader");
    inbox.mail_to(&email).await;
    let factor = auth.set_up(&reader).await;
    assert!(
        inbox
            .mail_to(&email)
            .await
            .data
            .contains("second factor is on")
    );
    let challenge = auth.first_step(&email).await;
    auth.remove_totp(&reader.token).await.expect("off");
    assert!(
        inbox
            .mail_to(&email)
            .await
            .data
            .contains("second factor is off")
    );
    auth.remove_totp(&reader.token).await.expect("off already");
    let late = auth.second_step(&challenge, &code(&factor.secret, 0)).await;
    assert_eq!(refused(late), "invalid_credentials");
    let signed = auth.sign_in(&email).await;
    assert!(!auth.me(&signed.token).await.expect("me").second_factor);
    for kind in ["second_factor_enabled", "second_factor_disabled"] {
        assert_eq!(auth.events(&signed.token, kind).await.len(), 1, "{kind}");
    }
    assert_eq!(auth.number("SELECT COUNT(*) FROM recovery_codes").await, 0);
}

#[tokio::test]
async fn a_challenge_waits_for_five_minutes() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let factor = auth.set_up(&reader).await;
    let challenge = auth.first_step(&email_of("reader")).await;
    auth.sql("UPDATE challenges SET expires_at = expires_at - 300000")
        .await;
    let late = auth.second_step(&challenge, &code(&factor.secret, 0)).await;
    assert_eq!(refused(late), "invalid_credentials");
}

/// Somebody who has the password and no code.
#[tokio::test]
async fn codes_are_guessed_five_a_challenge_and_thirty_a_day_and_the_owner_is_written_to() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let reader = auth.person("reader").await;
    let email = email_of("reader");
    let proof = inbox.mail_to(&email).await;
    auth.verify_email(proof.token()).await.expect("proven");
    let factor = auth.set_up(&reader).await;
    let known = Client {
        device: reader.device.clone(),
        ..client()
    };
    let challenge = auth.first_step(&email).await;
    let now = code(&factor.secret, 0);
    auth.second_step_from(&challenge, &now, known.clone())
        .await
        .expect("signed in");
    auth.forget_steps().await;
    let mut guesses = 0;
    let mut network = 0;
    let refusal = 'day: loop {
        network += 1;
        let from = || address(&format!("10.0.{network}.7"));
        let challenge = auth.first_step(&email).await;
        for number in 0..=5 {
            let guess = format!("{:06}", network * 10 + number);
            let tried = auth.second_step_from(&challenge, &guess, from()).await;
            let refusal = tried.expect_err("wrong");
            match (number, refusal.code.name()) {
                (0..5, "invalid_credentials") => guesses += 1,
                (5, "invalid_credentials" | "account_locked") => {}
                (_, "rate_limited") => break 'day refusal,
                other => panic!("{other:?}"),
            }
        }
        assert!(guesses <= 30, "{guesses}");
        let now = code(&factor.secret, 0);
        let late = auth.second_step_from(&challenge, &now, address("10.9.9.9"));
        assert_eq!(refused(late.await), "invalid_credentials", "it is used up");
    };
    assert!((25..=30).contains(&guesses), "{guesses}");
    assert!(refusal.retry_after.is_some());
    let challenge = auth.first_step(&email).await;
    let now = code(&factor.secret, 0);
    auth.second_step_from(&challenge, &now, known)
        .await
        .expect("devices on which a code was right go on");
    auth.forget_steps().await;
    // A reset makes the device known, and is no way around it. Mails come in any order.
    auth.ask_reset(&email).await.expect("asked");
    let (mut letters, mut reset) = (0, None);
    while letters == 0 || reset.is_none() {
        let mail = inbox.mail_to(&email).await;
        if mail.data.contains("Subject: DevMentor: Somebody has") {
            letters += 1;
        }
        if mail.data.contains("Subject: DevMentor: Set a new password") {
            reset = Some(mail);
        }
    }
    let reset = reset.expect("it came");
    let device = auth.reset_on_device(reset.token(), PASSWORD).await;
    let fresh = Client {
        device,
        ..address("203.0.113.7")
    };
    let challenge = auth.first_step(&email).await;
    let now = code(&factor.secret, 0);
    let limited = auth.second_step_from(&challenge, &now, fresh).await;
    assert_eq!(refused(limited), "rate_limited");
    auth.until_number(WAITING, 0).await;
    let more = inbox.mails();
    let again = |mail: &&Mail| mail.data.contains("Subject: DevMentor: Somebody has");
    letters += more.iter().filter(again).count();
    assert_eq!(letters, 1, "one a day");
    let told = "SELECT COUNT(*) FROM events WHERE type LIKE '%second_step_failed%'";
    assert_eq!(auth.number(told).await, 1);
}
