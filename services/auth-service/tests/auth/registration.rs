//! Registration where addresses are proven first: the answer says nothing, the mailbox everything.

use rpc::auth::RegisterResponse;
use service_kit::Problem;
use test_kit::MailServer;

use super::{Auth, PASSWORD, answer, calls::registration, email_of, refused};

impl Auth {
    /// As the answer says it, which is nothing.
    async fn ask_for_account(&self, email: &str, handle: &str) -> Result<(), Problem> {
        let asked = registration(email, handle);
        let answer = answer(self.client().register(asked).await)?;
        assert_eq!(answer, RegisterResponse { user: None });
        Ok(())
    }
}

async fn verified() -> (MailServer, Auth) {
    let inbox = MailServer::start().await;
    let settings = [
        ("mail.url", &*inbox.url()),
        ("auth.registration", "verified"),
    ];
    let auth = Auth::with(&settings).await;
    (inbox, auth)
}

#[tokio::test]
async fn an_account_is_made_once_its_address_is_proven() {
    let (inbox, auth) = verified().await;
    let email = email_of("reader");
    auth.ask_for_account(&email, "reader").await.expect("asked");
    let mail = inbox.mail_to(&email).await;
    let early = auth.login(&email, PASSWORD).await;
    assert_eq!(refused(early), "invalid_credentials");
    auth.verify_email(mail.token()).await.expect("made");
    let reader = auth.sign_in(&email).await;
    let user = auth.me(&reader.token).await.expect("me");
    assert!(user.email_verified && user.handle == "reader" && user.roles == ["user"]);
    let again = auth.verify_email(mail.token()).await;
    assert_eq!(refused(again), "invalid_credentials");
}

#[tokio::test]
async fn only_the_mailbox_learns_what_is_taken() {
    let (inbox, auth) = verified().await;
    auth.ask_for_account(&email_of("reader"), "reader")
        .await
        .expect("asked");
    let mail = inbox.mail_to(&email_of("reader")).await;
    auth.verify_email(mail.token()).await.expect("made");

    auth.ask_for_account(&email_of("reader"), "other")
        .await
        .expect("asked");
    let mail = inbox.mail_to(&email_of("reader")).await;
    assert!(
        mail.data.contains("You have an account already"),
        "{}",
        mail.data
    );
    assert!(!mail.data.contains("#token="), "{}", mail.data);
    auth.ask_for_account(&email_of("other"), "reader")
        .await
        .expect("asked");
    let mail = inbox.mail_to(&email_of("other")).await;
    assert!(mail.data.contains("Choose another handle"), "{}", mail.data);
    assert!(!mail.data.contains("#token="), "{}", mail.data);
    assert_eq!(
        auth.number("SELECT COUNT(*) FROM users").await,
        2,
        "the admin and the reader"
    );
}

#[tokio::test]
async fn of_two_who_want_one_handle_the_first_to_prove_an_address_has_it() {
    let (inbox, auth) = verified().await;
    let (early, late) = (email_of("early"), email_of("late"));
    auth.ask_for_account(&early, "wanted").await.expect("asked");
    auth.ask_for_account(&late, "wanted").await.expect("asked");
    let (early, late) = (inbox.mail_to(&early).await, inbox.mail_to(&late).await);
    auth.verify_email(late.token()).await.expect("made");
    assert_eq!(
        refused(auth.verify_email(early.token()).await),
        "handle_taken"
    );
    auth.sign_in(&email_of("late")).await;
}

#[tokio::test]
async fn a_registration_that_nobody_confirms_is_over_after_a_day() {
    let (inbox, auth) = verified().await;
    auth.ask_for_account(&email_of("reader"), "reader")
        .await
        .expect("asked");
    let mail = inbox.mail_to(&email_of("reader")).await;
    auth.sql("UPDATE mail_tokens SET expires_at = expires_at - 86400000")
        .await;
    let late = auth.verify_email(mail.token()).await;
    assert_eq!(refused(late), "invalid_credentials");
}
