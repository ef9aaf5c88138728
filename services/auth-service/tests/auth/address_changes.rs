//! A new address counts once it is proven by somebody who also holds the account, and an old one can come
//! back for a week.

use rpc::auth::{UndoEmailChangeRequest, UpdateMeRequest, User};
use service_kit::Problem;
use test_kit::{Mail, MailServer};

use super::{
    Auth, PASSWORD, Signed, answer, by_gateway, call, client, email_of, mail::NEW_PASSWORD,
    refused, second_factor::code,
};

const NEW: &str = "new@example.org";

impl Auth {
    async fn ask_to_move(
        &self,
        signed: &Signed,
        email: &str,
        password: &str,
        code: &str,
    ) -> Result<User, Problem> {
        let asked = UpdateMeRequest {
            email: Some(email.to_owned()),
            current_password: password.to_owned(),
            code: code.to_owned(),
            ..UpdateMeRequest::default()
        };
        let request = call(&signed.token, asked);
        let user = answer(self.client().update_me(request).await)?.user;
        Ok(user.expect("an account"))
    }

    async fn undo(&self, token: &str) -> Result<(), Problem> {
        let asked = UndoEmailChangeRequest {
            token: token.to_owned(),
            client: Some(client()),
        };
        let answer = self.client().undo_email_change(by_gateway(asked)).await;
        super::answer(answer).map(drop)
    }
}

/// An account whose address is proven.
struct Owner {
    inbox: MailServer,
    auth: Auth,
    email: String,
    signed: Signed,
}

impl Owner {
    async fn new() -> Self {
        let inbox = MailServer::start().await;
        let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
        let (email, signed) = (email_of("reader"), auth.person("reader").await);
        let owner = Self {
            inbox,
            auth,
            email,
            signed,
        };
        let link = owner.letter(&owner.email, "Confirm your address").await;
        owner.auth.verify_email(link.token()).await.expect("proven");
        owner
    }

    async fn letter(&self, email: &str, subject: &str) -> Mail {
        loop {
            let mail = self.inbox.mail_to(email).await;
            if mail
                .data
                .contains(&format!("Subject: DevMentor: {subject}"))
            {
                return mail;
            }
        }
    }

    /// Asks for another address; answers the links in both letters.
    async fn ask(&self, email: &str, code: &str) -> (String, String) {
        let asked = self.auth.ask_to_move(&self.signed, email, PASSWORD, code);
        let user = asked.await.expect("asked for");
        assert_eq!(user.pending_email.as_deref(), Some(email));
        let proof = self.letter(email, "Confirm your new address").await;
        let undo = self
            .letter(&user.email, "Your address is being changed")
            .await;
        assert!(undo.data.contains(email), "{}", undo.data);
        (proof.token().to_owned(), undo.token().to_owned())
    }

    async fn me(&self) -> User {
        self.auth.me(&self.signed.token).await.expect("me")
    }
}

#[tokio::test]
async fn it_takes_the_password_and_a_code_where_there_is_one() {
    let owner = Owner::new().await;
    let (auth, signed) = (&owner.auth, &owner.signed);
    for (password, refusal) in [
        ("", "reauthentication_required"),
        ("not the password", "invalid_credentials"),
    ] {
        let asked = auth.ask_to_move(signed, NEW, password, "").await;
        assert_eq!(refused(asked), refusal);
    }
    let factor = auth.set_up(&owner.signed).await;
    for (given, refusal) in [
        ("", "reauthentication_required"),
        ("000000", "invalid_credentials"),
    ] {
        let asked = auth.ask_to_move(signed, NEW, PASSWORD, given).await;
        assert_eq!(refused(asked), refusal);
    }
    let now = code(&factor.secret, 0);
    auth.ask_to_move(signed, NEW, PASSWORD, &now)
        .await
        .expect("asked for");
    let other = auth.ask_to_move(signed, "nobody", PASSWORD, "").await;
    assert_eq!(refused(other), "invalid");
}

#[tokio::test]
async fn until_it_is_proven_the_old_address_counts_and_the_new_one_is_nobodys() {
    let owner = Owner::new().await;
    let auth = &owner.auth;
    owner.ask(NEW, "").await;
    let me = owner.me().await;
    assert_eq!(
        (me.email.as_str(), me.email_verified),
        (&*owner.email, true)
    );
    let copy = auth.held(owner.signed.session_id).await.expect("a copy");
    assert_eq!(copy.user.pending_email.as_deref(), Some(NEW));
    auth.sign_in(&owner.email).await;
    assert_eq!(
        refused(auth.login(NEW, PASSWORD).await),
        "invalid_credentials"
    );
    auth.ask_reset(NEW)
        .await
        .expect("asked, and answered by none");
    auth.ask_reset(&owner.email).await.expect("asked");
    let reset = owner.letter(&owner.email, "Set a new password").await;
    assert!(!reset.token().is_empty());
    let taken = super::calls::registration(NEW, "other");
    let taken = auth.client().register(taken).await;
    answer(taken).expect("it is reserved for nobody");
    assert!(
        !owner
            .inbox
            .mails()
            .iter()
            .any(|mail| mail.data.contains("Set a new password")),
        "no reset goes to an address that is not proven"
    );
}

#[tokio::test]
async fn a_stranger_at_a_mistyped_address_gets_nothing() {
    let owner = Owner::new().await;
    let auth = &owner.auth;
    let (proof, _) = owner.ask("typo@example.org", "").await;
    for (password, new_password) in [("", ""), ("", NEW_PASSWORD)] {
        let alone = auth.verify_with(&proof, password, new_password).await;
        assert_eq!(refused(alone), "reauthentication_required");
    }
    let stranger = auth.person("stranger").await;
    let as_another = auth.verify_signed_in(&proof, &stranger).await;
    assert_eq!(refused(as_another), "reauthentication_required");
    let guessed = auth.verify_with(&proof, "not the password", "").await;
    assert_eq!(refused(guessed), "invalid_credentials");
    let as_reset = auth.reset(&proof, NEW_PASSWORD).await;
    assert_eq!(refused(as_reset), "invalid_credentials");
    assert_eq!(refused(auth.undo(&proof).await), "invalid_credentials");
    let me = owner.me().await;
    assert_eq!(me.email, owner.email, "nothing has happened");
    auth.verify_signed_in(&proof, &owner.signed)
        .await
        .expect("and the link is still good");
}

#[tokio::test]
async fn it_counts_with_a_session_or_the_password_and_ends_nothing() {
    for by_session in [true, false] {
        let owner = Owner::new().await;
        let auth = &owner.auth;
        let machine = auth.machine(&owner.signed, &["read"]).await;
        let (proof, _) = owner.ask(NEW, "").await;
        if by_session {
            auth.verify_signed_in(&proof, &owner.signed)
                .await
                .expect("moved");
        } else {
            let moved = auth.verify_with(&proof, PASSWORD, "").await;
            assert!(!moved.expect("moved").device.is_empty());
        }
        let me = owner.me().await;
        assert_eq!((me.email.as_str(), me.email_verified), (NEW, true));
        assert_eq!(me.pending_email, None);
        auth.check(&machine.token).await.expect("live");
        auth.sign_in(NEW).await;
        let old = auth.login(&owner.email, PASSWORD).await;
        assert_eq!(refused(old), "invalid_credentials");
        let again = auth.verify_signed_in(&proof, &owner.signed).await;
        assert_eq!(refused(again), "invalid_credentials");
        for kind in ["email_change_requested", "email_changed"] {
            assert_eq!(auth.events(&owner.signed.token, kind).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn what_is_taken_meanwhile_is_told_and_the_link_stays_good() {
    let owner = Owner::new().await;
    let auth = &owner.auth;
    let taken = auth.ask_to_move(&owner.signed, super::ADMIN_EMAIL, PASSWORD, "");
    assert_eq!(refused(taken.await), "email_taken");
    let (proof, _) = owner.ask(NEW, "").await;
    let other = super::calls::registration(NEW, "other");
    answer(auth.client().register(other).await).expect("an account");
    for _ in 0..2 {
        let moved = auth.verify_signed_in(&proof, &owner.signed).await;
        assert_eq!(refused(moved), "email_taken");
    }
    let other = auth.sign_in(NEW).await;
    auth.delete(&other).await.expect("deleted");
    auth.verify_signed_in(&proof, &owner.signed)
        .await
        .expect("free again");
}

#[tokio::test]
async fn another_wish_or_none_ends_the_one_before() {
    let owner = Owner::new().await;
    let auth = &owner.auth;
    let (first, _) = owner.ask("first@example.org", "").await;
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 60000")
        .await;
    let (second, _) = owner.ask(NEW, "").await;
    let late = auth.verify_signed_in(&first, &owner.signed).await;
    assert_eq!(refused(late), "invalid_credentials");
    let back = auth.ask_to_move(&owner.signed, &owner.email, "", "").await;
    assert_eq!(back.expect("it stays after all").pending_email, None);
    let late = auth.verify_signed_in(&second, &owner.signed).await;
    assert_eq!(refused(late), "invalid_credentials");
    auth.delete(&owner.signed).await.expect("nothing to undo");
}

/// A thief with session, password and code moves the account, and sets it up as their own.
#[tokio::test]
async fn an_old_address_brings_the_account_back_whatever_was_changed_since() {
    let owner = Owner::new().await;
    let (auth, thief) = (&owner.auth, &owner.signed);
    let factor = auth.set_up(&owner.signed).await;
    let (proof, undo) = owner.ask(NEW, &code(&factor.secret, 0)).await;
    auth.verify_signed_in(&proof, thief).await.expect("moved");
    auth.remove_totp(&thief.token).await.expect("off");
    auth.set_up(thief).await;
    let machine = auth.machine(thief, &["read", "write"]).await;
    auth.sql("UPDATE users SET handle = 'thiefs' WHERE handle = 'reader'")
        .await;
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 60000")
        .await;
    auth.sql("UPDATE users SET totp_secret = NULL").await;
    let (_, later_undo) = owner.ask("further@example.org", "").await;

    auth.undo(&undo).await.expect("back");
    assert_eq!(refused(auth.check(&thief.token).await), "session_ended");
    assert_eq!(refused(auth.check(&machine.token).await), "unauthenticated");
    assert_eq!(refused(auth.undo(&undo).await), "invalid_credentials");
    assert_eq!(refused(auth.undo(&later_undo).await), "invalid_credentials");
    for email in [&*owner.email, NEW] {
        let login = auth.login(email, PASSWORD).await;
        assert_eq!(refused(login), "invalid_credentials", "{email}");
    }
    let reset = owner.letter(&owner.email, "Set a new password").await;
    auth.reset(reset.token(), NEW_PASSWORD).await.expect("set");
    let challenge = auth.first_step_with(&owner.email, NEW_PASSWORD).await;
    let now = code(&factor.secret, 0);
    auth.forget_steps().await;
    let back = auth.second_step(&challenge, &now).await;
    let back = back.expect("with the second factor that was taken away");
    let me = auth.me(&back.token).await.expect("me");
    assert_eq!((&me.email, me.email_verified), (&owner.email, true));
    assert_eq!(me.pending_email, None);
    let undone = auth.events(&back.token, "email_change_undone").await;
    assert_eq!(undone.len(), 1);
}

#[tokio::test]
async fn it_comes_back_before_the_change_counts_as_well() {
    let owner = Owner::new().await;
    let auth = &owner.auth;
    let (proof, undo) = owner.ask(NEW, "").await;
    auth.undo(&undo).await.expect("undone");
    let moved = auth.verify_with(&proof, PASSWORD, "").await;
    assert_eq!(refused(moved), "invalid_credentials");
    assert_eq!(
        refused(auth.check(&owner.signed.token).await),
        "session_ended"
    );
    let reset = owner.letter(&owner.email, "Set a new password").await;
    auth.reset(reset.token(), NEW_PASSWORD).await.expect("set");
    let back = auth.login(&owner.email, NEW_PASSWORD).await;
    let back: Signed = back.expect("signed in").into();
    assert_eq!(auth.me(&back.token).await.expect("me").pending_email, None);
}

#[tokio::test]
async fn for_a_week_nobody_gets_the_old_address_and_the_account_stays() {
    let owner = Owner::new().await;
    let (auth, signed) = (&owner.auth, &owner.signed);
    let (proof, undo) = owner.ask(NEW, "").await;
    assert_eq!(refused(auth.delete(signed).await), "conflict");
    auth.verify_signed_in(&proof, signed).await.expect("moved");
    assert_eq!(refused(auth.delete(signed).await), "conflict");
    let asked = super::calls::registration(&owner.email, "other");
    let registered = answer(auth.client().register(asked.clone()).await);
    assert_eq!(refused(registered), "email_taken");
    let other = auth.person("another").await;
    let moved = auth.ask_to_move(&other, &owner.email, PASSWORD, "").await;
    assert_eq!(refused(moved), "email_taken");
    let life =
        "SELECT MIN(expires_at) - (SELECT MAX(created_at) FROM mail_tokens) FROM email_undos";
    let life_ms = auth.number(life).await;
    assert!((604_000_000..=605_000_000).contains(&life_ms), "{life_ms}");

    auth.sql("UPDATE email_undos SET expires_at = expires_at - 604800000")
        .await;
    assert_eq!(refused(auth.undo(&undo).await), "invalid_credentials");
    answer(auth.client().register(asked).await).expect("free");
    auth.delete(signed).await.expect("deleted");
}

#[tokio::test]
async fn an_address_that_was_not_proven_has_no_undo() {
    let inbox = MailServer::start().await;
    let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
    let reader = auth.person("reader").await;
    inbox.mail_to(&email_of("reader")).await;
    auth.ask_to_move(&reader, NEW, PASSWORD, "")
        .await
        .expect("asked for");
    let proof = inbox.mail_to(NEW).await;
    auth.verify_signed_in(proof.token(), &reader)
        .await
        .expect("moved");
    assert_eq!(auth.number("SELECT COUNT(*) FROM email_undos").await, 0);
    assert!(inbox.mails().is_empty(), "{:?}", inbox.mails());
    auth.delete(&reader).await.expect("deleted");
}
