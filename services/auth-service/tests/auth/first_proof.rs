//! The first proof of an address: nobody plants an account that its mailbox's owner takes over, with what
//! they set up still in it.

use test_kit::MailServer;

use super::{
    Auth, PASSWORD, Signed, calls::registration, email_of, machine_tokens::Made,
    mail::NEW_PASSWORD, refused, second_factor::code,
};

/// An account that somebody else made for the victim's address, with all that can be set up.
struct Planted {
    inbox: MailServer,
    auth: Auth,
    email: String,
    mallory: Signed,
    machine: Made,
    link: String,
}

impl Planted {
    async fn new() -> Self {
        let inbox = MailServer::start().await;
        let auth = Auth::with(&[("mail.url", &inbox.url())]).await;
        let email = email_of("victim");
        let mallory = auth.person("victim").await;
        let link = inbox.mail_to(&email).await.token().to_owned();
        let machine = auth.machine(&mallory, &["read", "write"]).await;
        Self {
            inbox,
            auth,
            email,
            mallory,
            machine,
            link,
        }
    }

    async fn letter(&self, subject: &str) -> String {
        loop {
            let mail = self.inbox.mail_to(&self.email).await;
            if mail
                .data
                .contains(&format!("Subject: DevMentor: {subject}"))
            {
                return mail.token().to_owned();
            }
        }
    }

    /// What was planted opens nothing any more, and the victim's own password does.
    async fn assert_taken_over(&self) {
        let Self {
            auth,
            email,
            mallory,
            machine,
            ..
        } = self;
        assert_eq!(refused(auth.check(&machine.token).await), "unauthenticated");
        assert_eq!(refused(auth.check(&mallory.token).await), "session_ended");
        let refreshed = auth.refresh(&mallory.refresh_token).await;
        assert_eq!(refused(refreshed), "session_ended");
        let planted = auth.login(email, PASSWORD).await;
        assert_eq!(refused(planted), "invalid_credentials");
        let devices = "SELECT COUNT(*) FROM devices";
        let known = auth.number(devices).await;
        let victim = auth.login(email, NEW_PASSWORD).await;
        let victim: Signed = victim.expect("no second factor is asked for").into();
        assert!(auth.me(&victim.token).await.expect("me").email_verified);
        assert!(known <= 1, "but for the victim's own: {known}");
    }
}

#[tokio::test]
async fn the_link_alone_ends_all_that_was_planted() {
    let planted = Planted::new().await;
    let auth = &planted.auth;
    auth.set_up(&planted.mallory).await;
    let proven = auth.verify_with(&planted.link, "", NEW_PASSWORD).await;
    let proven = proven.expect("proven");
    assert_eq!(
        proven.ended.expect("what ended").ids.len(),
        2,
        "a session and a machine token"
    );
    planted.assert_taken_over().await;
}

#[tokio::test]
async fn the_link_alone_leaves_no_password_until_a_reset() {
    let planted = Planted::new().await;
    let auth = &planted.auth;
    auth.verify_with(&planted.link, "", "")
        .await
        .expect("proven");
    for guess in [PASSWORD, ""] {
        let guessed = auth.login(&planted.email, guess).await;
        assert_eq!(refused(guessed), "invalid_credentials");
    }
    auth.ask_reset(&planted.email).await.expect("asked");
    let token = planted.letter("Set a new password").await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    planted.assert_taken_over().await;
}

#[tokio::test]
async fn a_reset_is_a_first_proof() {
    let planted = Planted::new().await;
    let auth = &planted.auth;
    auth.move_to(&planted.mallory, "mallory@example.com")
        .await
        .expect("asked for");
    auth.set_up(&planted.mallory).await;
    auth.ask_reset(&planted.email).await.expect("asked");
    let token = planted.letter("Set a new password").await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    let pending = "SELECT COUNT(*) FROM users WHERE pending_email IS NOT NULL";
    assert_eq!(auth.number(pending).await, 0);
    planted.assert_taken_over().await;
}

/// The attack of the report: the victim confirms, then resets.
#[tokio::test]
async fn who_confirms_and_resets_has_the_account_alone() {
    let planted = Planted::new().await;
    let auth = &planted.auth;
    auth.verify_with(&planted.link, "", "")
        .await
        .expect("proven");
    assert_eq!(
        refused(auth.check(&planted.machine.token).await),
        "unauthenticated"
    );
    auth.ask_reset(&planted.email).await.expect("asked");
    let token = planted.letter("Set a new password").await;
    auth.reset(&token, NEW_PASSWORD).await.expect("set");
    planted.assert_taken_over().await;
}

#[tokio::test]
async fn an_owner_who_shows_that_it_is_theirs_loses_nothing() {
    for by_session in [true, false] {
        let planted = Planted::new().await;
        let Planted {
            auth,
            mallory: owner,
            machine,
            link,
            ..
        } = &planted;
        let factor = auth.set_up(owner).await;
        let wrong = auth.verify_with(link, "not the password", "").await;
        assert_eq!(refused(wrong), "invalid_credentials");
        if by_session {
            auth.verify_signed_in(link, owner).await.expect("proven");
        } else {
            let proven = auth.verify_with(link, PASSWORD, "").await.expect("proven");
            assert!(!proven.device.is_empty(), "the device is known from now on");
        }
        auth.check(&owner.token).await.expect("live");
        auth.check(&machine.token).await.expect("live");
        let challenge = auth.first_step(&planted.email).await;
        let now = code(&factor.secret, 0);
        auth.second_step(&challenge, &now).await.expect("signed in");
        assert!(auth.me(&owner.token).await.expect("me").email_verified);
    }
}

/// A session that is no more must not pass for none: its person would lose all they have.
#[tokio::test]
async fn a_session_that_is_over_or_anothers_is_refused_and_the_link_stays_good() {
    let planted = Planted::new().await;
    let Planted { auth, link, .. } = &planted;
    let gone = auth.sign_in(&planted.email).await;
    auth.logout(&gone.token).await.expect("out");
    let stranger = auth.person("stranger").await;
    let machine = auth.machine(&stranger, &["write"]).await;
    let refusals = [
        (gone.token.clone(), "session_ended"),
        ("junk".to_owned(), "unauthenticated"),
        (machine.token, "forbidden"),
    ];
    for (token, code) in refusals {
        let shown = Signed {
            token,
            ..gone.clone()
        };
        assert_eq!(refused(auth.verify_signed_in(link, &shown).await), code);
    }
    let as_another = auth.verify_signed_in(link, &stranger).await;
    assert_eq!(
        refused(as_another),
        "reauthentication_required",
        "who has two accounts is asked before one of them is ended"
    );
    auth.check(&planted.machine.token).await.expect("untouched");
    auth.verify_email(link).await.expect("still good");
}

/// Of several letters one is the first proof: an old one must not end what its owner set up since.
#[tokio::test]
async fn a_letter_that_was_left_over_ends_nothing() {
    let planted = Planted::new().await;
    let Planted {
        auth,
        mallory: owner,
        machine,
        link: older,
        ..
    } = &planted;
    auth.sql("UPDATE mail_tokens SET created_at = created_at - 60000")
        .await;
    auth.ask_verification(&owner.token).await.expect("asked");
    let newer = planted.letter("Confirm your address").await;
    auth.verify_signed_in(&newer, owner).await.expect("proven");
    auth.set_up(owner).await;
    for new_password in ["", NEW_PASSWORD] {
        let left_over = auth.verify_with(older, "", new_password).await;
        assert_eq!(refused(left_over), "invalid_credentials");
    }
    auth.check(&machine.token).await.expect("live");
    assert!(auth.me(&owner.token).await.expect("me").second_factor);
}

#[tokio::test]
async fn a_new_password_is_for_who_shows_nothing_else() {
    let planted = Planted::new().await;
    let auth = &planted.auth;
    let both = auth
        .verify_with(&planted.link, PASSWORD, NEW_PASSWORD)
        .await
        .expect_err("refused");
    assert_eq!(both.errors[0].field, "new_password");
    for weak in ["short", "password123"] {
        let weak = auth.verify_with(&planted.link, "", weak).await;
        assert_eq!(weak.expect_err("weak").errors[0].field, "new_password");
    }
    auth.verify_email(&planted.link).await.expect("still good");
}

/// Where addresses are proven first, it is a password that can be planted.
#[tokio::test]
async fn a_registration_that_somebody_else_began_leaves_them_no_way_in() {
    let inbox = MailServer::start().await;
    let settings = [
        ("mail.url", &*inbox.url()),
        ("auth.registration", "verified"),
    ];
    let auth = Auth::with(&settings).await;
    let email = email_of("victim");
    for (new_password, victims) in [("", None), (NEW_PASSWORD, Some(NEW_PASSWORD))] {
        let email = format!("{}{email}", victims.map_or("", |_| "other-"));
        let handle = if victims.is_some() { "other" } else { "victim" };
        let asked = registration(&email, handle);
        let asked = auth.client().register(asked).await;
        super::answer(asked).expect("asked");
        let link = inbox.mail_to(&email).await.token().to_owned();
        let wrong = auth.verify_with(&link, "not the password", "").await;
        assert_eq!(refused(wrong), "invalid_credentials");
        let made = auth.verify_with(&link, "", new_password).await;
        made.expect("made");
        let mallory = auth.login(&email, PASSWORD).await;
        assert_eq!(refused(mallory), "invalid_credentials");
        if let Some(password) = victims {
            auth.login(&email, password).await.expect("signed in");
        }
    }
}
