//! Mail: new passwords and proofs of addresses, by a real SMTP conversation and as files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use rpc::auth::{
    ConfirmPasswordResetRequest, RequestEmailVerificationRequest, RequestPasswordResetRequest,
    VerifyEmailRequest, VerifyEmailResponse,
};
use service_kit::Problem;
use test_kit::{MailServer, Proxy};
use tokio::{net::TcpListener, time::timeout};

use super::{ADMIN_EMAIL, Auth, PASSWORD, Signed, answer, by_gateway, call, client, refused};

pub(super) const NEW_PASSWORD: &str = "another battery, another horse";

/// Mails that wait.
pub(super) const WAITING: &str = "SELECT COUNT(*) FROM mails";

fn proof(token: &str, password: &str, new_password: &str) -> VerifyEmailRequest {
    VerifyEmailRequest {
        token: token.to_owned(),
        password: password.to_owned(),
        new_password: new_password.to_owned(),
        client: Some(client()),
    }
}

impl Auth {
    pub(super) async fn ask_reset(&self, email: &str) -> Result<(), Problem> {
        let asked = RequestPasswordResetRequest {
            email: email.to_owned(),
            client: Some(client()),
        };
        let answer = self
            .client()
            .request_password_reset(by_gateway(asked))
            .await;
        super::answer(answer).map(drop)
    }

    /// The secret of the device that is known from then on.
    pub(super) async fn reset_on_device(&self, token: &str, new_password: &str) -> String {
        let asked = ConfirmPasswordResetRequest {
            token: token.to_owned(),
            new_password: new_password.to_owned(),
            client: Some(client()),
        };
        let answer = self
            .client()
            .confirm_password_reset(by_gateway(asked))
            .await;
        super::answer(answer).expect("set").device
    }

    pub(super) async fn reset(&self, token: &str, new_password: &str) -> Result<(), Problem> {
        let asked = ConfirmPasswordResetRequest {
            token: token.to_owned(),
            new_password: new_password.to_owned(),
            client: Some(client()),
        };
        let answer = self
            .client()
            .confirm_password_reset(by_gateway(asked))
            .await;
        super::answer(answer).map(drop)
    }

    /// Proves an address with the password that all have.
    pub(super) async fn verify_email(&self, token: &str) -> Result<(), Problem> {
        self.verify_with(token, PASSWORD, "").await.map(drop)
    }

    /// Without a session.
    pub(super) async fn verify_with(
        &self,
        token: &str,
        password: &str,
        new_password: &str,
    ) -> Result<VerifyEmailResponse, Problem> {
        let request = by_gateway(proof(token, password, new_password));
        answer(self.client().verify_email(request).await)
    }

    /// With a session.
    pub(super) async fn verify_signed_in(
        &self,
        token: &str,
        signed: &Signed,
    ) -> Result<(), Problem> {
        let request = call(&signed.token, proof(token, "", ""));
        answer(self.client().verify_email(request).await).map(drop)
    }

    pub(super) async fn ask_verification(&self, token: &str) -> Result<(), Problem> {
        let request = call(token, RequestEmailVerificationRequest::default());
        let asked = self.client().request_email_verification(request).await;
        answer(asked).map(drop)
    }
}

#[tokio::test]
async fn two_requests_within_a_minute_send_one_mail_and_later_ones_another() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    for _ in 0..2 {
        auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    }
    auth.ask_reset("nobody@example.com").await.expect("asked");
    auth.until_number(WAITING, 0).await;
    assert_eq!(inbox.mails().len(), 1, "{:?}", inbox.mails());
    let first = inbox.mail_to(ADMIN_EMAIL).await;
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 60000")
        .await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let second = inbox.mail_to(ADMIN_EMAIL).await;
    auth.reset(first.token(), NEW_PASSWORD)
        .await
        .expect("both are good");
    let other = auth
        .reset(second.token(), "yet another horse to ride")
        .await;
    assert_eq!(
        refused(other),
        "invalid_credentials",
        "one of them was used"
    );
}

#[tokio::test]
async fn a_mail_server_that_is_down_delays_mail_and_fails_no_request() {
    let mut inbox = MailServer::start().await;
    inbox.stop().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let asked = Instant::now();
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked again");
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    let tried = "SELECT COUNT(*) FROM (SELECT 1 FROM mails WHERE tries > 0 LIMIT 1) AS tried";
    auth.until_number(tried, 1).await;
    inbox.restart().await;
    let mail = inbox.mail_to(ADMIN_EMAIL).await;
    auth.until_number(WAITING, 0).await;
    assert!(inbox.mails().is_empty(), "one is enough");
    auth.reset(mail.token(), NEW_PASSWORD).await.expect("set");
    let admin = auth
        .login(ADMIN_EMAIL, NEW_PASSWORD)
        .await
        .expect("signed in");
    let told = auth
        .events(&admin.access_token, "password_reset_requested")
        .await;
    assert!(
        (1..=2).contains(&told.len()),
        "once a request, however often it is tried: {told:?}"
    );
}

#[tokio::test]
async fn what_a_mail_server_refuses_for_good_is_given_up_and_what_it_puts_off_is_not() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    inbox.refuse(1, 550);
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    auth.until_number(WAITING, 0).await;
    let refused = auth
        .metric("devmentor_mails_total{outcome=\"refused\"}")
        .await;
    assert_eq!(refused as u64, 1);
    assert_eq!(auth.number("SELECT COUNT(*) FROM mail_tokens").await, 0);
    inbox.refuse(1, 451);
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    inbox.mail_to(ADMIN_EMAIL).await;
    assert!(
        !auth.process.log().contains(ADMIN_EMAIL),
        "the log names nobody"
    );
}

#[tokio::test]
async fn a_conversation_that_hangs_holds_up_no_other_mail() {
    let door = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("smtp://{}", door.local_addr().expect("an address"));
    let auth = Auth::with(&[("mail.url", &url)]).await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let (_hangs, _) = door.accept().await.expect("a conversation");
    auth.register("reader").await.expect("an account");
    let another = timeout(Duration::from_secs(8), door.accept()).await;
    another.expect("in time").expect("a conversation");
}

#[tokio::test]
async fn a_crash_while_a_mail_is_sent_loses_none() {
    let inbox = MailServer::start().await;
    let (_, port) = inbox
        .url()
        .rsplit_once(':')
        .map(|(_, port)| ((), port.to_owned()))
        .expect("a port");
    let port: u16 = port.parse().expect("a port");
    let wire = Proxy::start(([127, 0, 0, 1], port).into()).await;
    wire.freeze();
    let mut auth = Auth::with(&[("mail.url", &format!("smtp://{}", wire.addr()))]).await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    auth.until_number("SELECT COUNT(*) FROM mail_tokens", 1)
        .await;
    auth.process.kill();
    wire.cut_once();
    // No other replica takes it for ninety seconds, which pass now.
    auth.sql("UPDATE mails SET next_try_at = next_try_at - 90000")
        .await;
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 90000")
        .await;
    auth.restart().await;
    let mail = inbox.mail_to(ADMIN_EMAIL).await;
    auth.reset(mail.token(), NEW_PASSWORD).await.expect("set");
}

#[tokio::test]
async fn without_a_mail_server_mails_are_private_files() {
    let auth = Auth::start().await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    let folder = auth.file("mail");
    let mode = |path: &std::path::Path| {
        let file = fs::metadata(path).expect("a file");
        file.permissions().mode() & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        assert_eq!(path.extension().expect("an extension"), "eml");
        assert_eq!(mode(&path), 0o600);
    }
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
}
