//! Links in mails: a new password, and the proof of an address. Each is good once.

use futures_util::future::join_all;
use test_kit::MailServer;

use super::{
    ADMIN_EMAIL, Auth, PASSWORD, email_of,
    mail::{NEW_PASSWORD, WAITING},
    refused,
};

#[tokio::test]
async fn a_new_password_is_set_by_mail_once_and_ends_all_sessions() {
    let inbox = MailServer::start().await;
    let settings = [
        ("mail.url", &*inbox.url()),
        ("public_url", "https://dev.example.com"),
    ];
    let auth = Auth::with(&settings).await;
    let (one, other) = (auth.admin().await, auth.admin().await);
    auth.ask_reset(" Admin@DevMentor.local ")
        .await
        .expect("asked");
    let mail = inbox.mail_to(ADMIN_EMAIL).await;
    assert_eq!(mail.from, "no-reply@dev.example.com");
    let link = format!(
        "https://dev.example.com/reset-password#token={}",
        mail.token()
    );
    assert_eq!(
        mail.data.matches(&link).count(),
        3,
        "text and HTML: {}",
        mail.data
    );
    assert_eq!(
        refused(auth.reset("junk", NEW_PASSWORD).await),
        "invalid_credentials"
    );
    assert_eq!(
        refused(auth.reset(mail.token(), "password").await),
        "invalid"
    );
    auth.check(&one.token)
        .await
        .expect("nothing has happened yet");
    auth.reset(mail.token(), NEW_PASSWORD).await.expect("set");
    for signed in [&one, &other] {
        assert_eq!(refused(auth.check(&signed.token).await), "session_ended");
        assert_eq!(
            refused(auth.refresh(&signed.refresh_token).await),
            "session_ended"
        );
        let copy = auth.held(signed.session_id).await.expect("a hot copy");
        assert!(copy.ended_at.is_some(), "told before it is answered");
    }
    let again = auth.reset(mail.token(), "yet another horse to ride").await;
    assert_eq!(refused(again), "invalid_credentials");
    let old = auth.login(ADMIN_EMAIL, PASSWORD).await;
    assert_eq!(refused(old), "invalid_credentials");
    let admin = auth
        .login(ADMIN_EMAIL, NEW_PASSWORD)
        .await
        .expect("signed in");
    let user = admin.session.expect("a session").user.expect("a user");
    assert!(user.email_verified, "the link came through the mailbox");
    let told = inbox.mail_to(ADMIN_EMAIL).await;
    assert!(
        told.data.contains("Your password was changed"),
        "{}",
        told.data
    );
}

#[tokio::test]
async fn the_link_to_a_new_password_is_good_for_thirty_minutes() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let mail = inbox.mail_to(ADMIN_EMAIL).await;
    let life = "SELECT expires_at - created_at FROM mail_tokens";
    let life_ms = auth.number(life).await;
    assert!((1_799_000..=1_800_000).contains(&life_ms), "{life_ms}");
    auth.sql("UPDATE mail_tokens SET expires_at = expires_at - 1800000")
        .await;
    let late = auth.reset(mail.token(), NEW_PASSWORD).await;
    assert_eq!(refused(late), "invalid_credentials");
}

#[tokio::test]
async fn an_address_is_proven_by_mail() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let reader = auth.person("reader").await;
    let email = email_of("reader");
    let first = inbox.mail_to(&email).await;
    assert!(
        first.data.contains("/verify-email#token="),
        "{}",
        first.data
    );
    assert!(!auth.me(&reader.token).await.expect("me").email_verified);
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 60000")
        .await;
    auth.ask_verification(&reader.token).await.expect("asked");
    let second = inbox.mail_to(&email).await;
    assert_eq!(
        refused(auth.verify_email("junk").await),
        "invalid_credentials"
    );
    let as_reset = auth.reset(second.token(), NEW_PASSWORD).await;
    assert_eq!(
        refused(as_reset),
        "invalid_credentials",
        "it opens nothing else"
    );
    auth.verify_email(second.token()).await.expect("proven");
    assert!(auth.me(&reader.token).await.expect("me").email_verified);
    let copy = auth.held(reader.session_id).await.expect("a hot copy");
    assert!(copy.user.email_verified, "every guard knows");
    assert_eq!(
        refused(auth.verify_email(second.token()).await),
        "invalid_credentials"
    );
    auth.ask_verification(&reader.token)
        .await
        .expect("nothing to do");
    assert_eq!(auth.number(WAITING).await, 0);
    assert_eq!(auth.events(&reader.token, "email_verified").await.len(), 1);
}

#[tokio::test]
async fn a_link_to_a_new_password_dies_when_the_address_is_another() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let known = vec![auth.mailed_token(&email_of("reader"), &[]).await];
    auth.ask_reset(&email_of("reader")).await.expect("asked");
    let token = auth.mailed_token(&email_of("reader"), &known).await;
    auth.move_to(&reader, "moved@example.com")
        .await
        .expect("asked for");
    let proof = auth.mailed_token("moved@example.com", &[]).await;
    auth.verify_email(&proof).await.expect("moved");
    let reset = auth.reset(&token, NEW_PASSWORD).await;
    assert_eq!(
        refused(reset),
        "invalid_credentials",
        "the old mailbox may be another's"
    );
    let proof = auth.verify_email(&known[0]).await;
    assert_eq!(
        refused(proof),
        "invalid_credentials",
        "it proves the old address alone"
    );
}

#[tokio::test]
async fn one_link_sets_one_password_however_many_use_it_at_once() {
    let auth = Auth::start().await;
    auth.ask_reset(ADMIN_EMAIL).await.expect("asked");
    let token = auth.mailed_token(ADMIN_EMAIL, &[]).await;
    let chosen: Vec<_> = (0..8)
        .map(|number| format!("{NEW_PASSWORD} {number}"))
        .collect();
    let set = join_all(chosen.iter().map(|chosen| auth.reset(&token, chosen))).await;
    let mut set = set.iter().zip(&chosen).filter(|(set, _)| set.is_ok());
    let (_, winner) = set.next().expect("one was set");
    assert!(set.next().is_none(), "and one alone");
    auth.login(ADMIN_EMAIL, winner).await.expect("signed in");
}
