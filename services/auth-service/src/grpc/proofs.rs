//! Addresses are proven, by the token of a letter.
//!
//! That somebody reads a mailbox says nothing of who set up the account that uses its address. So the first
//! proof leaves what was there only to who also shows that it is theirs: by the account's password, or by
//! a session of it. And a changed address counts for nobody else: the letter may have gone to a stranger.

use redis_contracts::{Timestamp, event::EventBody, resource::User};
use rpc::auth as api;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Code, Problem};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{Accounts, ended_message};
use crate::{
    accounts::{Admitted, Knows, Origin, changed_meanwhile, link_is_over, refused},
    domain::{
        account::{USER, checked_password, is_password},
        email_change::UNDO_S,
        secret::sha256,
    },
    store::{Account, Change, Happened, MailKind, MailToken, PendingAccount, Purpose, SessionRow},
    tokens::session_ended,
};

/// What a letter was answered with.
struct Answered {
    sha256: [u8; 32],
    token: MailToken,
    password: String,
    new_password: String,
}

/// What else there is to show that an account is one's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// This session of it.
    Session(Uuid),
    /// Its password, at this moment.
    Password,
    /// Neither.
    Nothing,
}

impl Accounts {
    /// What is no token is only looked up.
    pub(super) async fn prove(
        &self,
        origin: &Origin,
        metadata: &MetadataMap,
        asked: api::VerifyEmailRequest,
    ) -> Result<api::VerifyEmailResponse, Problem> {
        let sha256 = sha256(asked.token.as_bytes());
        let (purpose, token) = self.proof_of(&sha256).await?;
        if !asked.new_password.is_empty() {
            checked_password("new_password", &asked.new_password)?;
        }
        let session = self.shown_session(metadata).await?;
        let is_own = |session: &SessionRow| session.user.id == token.subject_id;
        if session.as_ref().is_some_and(|session| !is_own(session))
            && asked.password.is_empty()
            && asked.new_password.is_empty()
        {
            return Err(another_account());
        }
        let session = session.filter(is_own);
        let answered = Answered {
            sha256,
            token,
            password: asked.password,
            new_password: asked.new_password,
        };
        match purpose {
            Purpose::ConfirmAccount => self.finish_registration(origin, answered).await,
            Purpose::ChangeEmail => self.change_address(origin, session, answered).await,
            _ => self.prove_first(origin, session, answered).await,
        }
    }

    async fn proof_of(&self, sha256: &[u8; 32]) -> Result<(Purpose, MailToken), Problem> {
        for purpose in [
            Purpose::VerifyEmail,
            Purpose::ConfirmAccount,
            Purpose::ChangeEmail,
        ] {
            if let Some(token) = self.store.mail_token(purpose, sha256).await? {
                return Ok((purpose, token));
            }
        }
        Err(link_is_over())
    }

    /// The session that is shown. One that has ended is refused, and not passed over: who believes to be
    /// signed in must not lose what they have.
    async fn shown_session(&self, metadata: &MetadataMap) -> Result<Option<SessionRow>, Problem> {
        match metadata.contains_key(rpc::metadata::AUTHORIZATION) {
            true => self.person(metadata).await.map(Some),
            false => Ok(None),
        }
    }

    /// The first proof of an account's address.
    async fn prove_first(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: Answered,
    ) -> Result<api::VerifyEmailResponse, Problem> {
        let Answered { token, sha256, .. } = &answered;
        let user_id = token.subject_id;
        let (shown, account) = self.shown(origin, session, &answered).await?;
        let hash = self.new_hash(origin, shown, &answered.new_password).await?;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = hold_as_seen(&mut change, user_id, shown, account.as_ref()).await;
        // Of several letters, one is the first proof; what another one ends could be its owner's.
        let is_good = held?.is_some_and(|held| !held.user.email_verified)
            && change
                .take_mail_token(Purpose::VerifyEmail, sha256)
                .await?
                .is_some()
            && change.verify_email(user_id, &token.email).await?;
        if !is_good {
            telling.nothing();
            return Err(link_is_over());
        }
        change
            .drop_mail_tokens(Purpose::VerifyEmail, user_id)
            .await?;
        let who = origin.who(None);
        let mut proven = api::VerifyEmailResponse::default();
        let mut ended = Vec::new();
        match shown {
            Shown::Session(_) => {}
            Shown::Password => {
                proven.device = change
                    .know(user_id, origin.device.as_deref(), false)
                    .await?
            }
            Shown::Nothing => {
                ended = change.take_over(user_id, hash.as_deref()).await?;
                change.record(&who, Happened::to(user_id, EventBody::PasswordReset));
            }
        }
        change.touch_copies(user_id).await?;
        change.record(&who, Happened::to(user_id, EventBody::EmailVerified));
        change.commit().await?;
        let heard = telling.tell_all(user_id).await;
        proven.ended = Some(ended_message(&ended, heard));
        Ok(proven)
    }

    /// The new address of an account counts from now on. A token alone does nothing, and stays good.
    async fn change_address(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: Answered,
    ) -> Result<api::VerifyEmailResponse, Problem> {
        let Answered { token, sha256, .. } = &answered;
        let user_id = token.subject_id;
        let (shown, account) = self.shown(origin, session, &answered).await?;
        if shown == Shown::Nothing {
            return Err(Problem::new(
                Code::ReauthenticationRequired,
                "Sign in where you open the link, or send the account's password with it.",
            ));
        }
        self.new_hash(origin, shown, &answered.new_password).await?;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = hold_as_seen(&mut change, user_id, shown, account.as_ref()).await;
        let is_good = held?.is_some()
            && change
                .take_mail_token(Purpose::ChangeEmail, sha256)
                .await?
                .is_some();
        if !is_good {
            telling.nothing();
            return Err(link_is_over());
        }
        if let Err(problem) = move_to(&mut change, user_id, &token.email).await {
            telling.nothing();
            return Err(problem);
        }
        let mut proven = api::VerifyEmailResponse::default();
        if shown == Shown::Password {
            proven.device = change
                .know(user_id, origin.device.as_deref(), false)
                .await?;
        }
        change.touch_copies(user_id).await?;
        let who = origin.who(None);
        change.record(&who, Happened::to(user_id, EventBody::EmailChanged));
        change.record(&who, Happened::to(user_id, EventBody::EmailVerified));
        change.commit().await?;
        proven.ended = Some(ended_message(&[], telling.tell_all(user_id).await));
        Ok(proven)
    }

    /// A name that was taken meanwhile is told; the token stays good for as long as the registration.
    /// Whoever signed up may not own the mailbox: their password counts only when it is given again.
    async fn finish_registration(
        &self,
        origin: &Origin,
        answered: Answered,
    ) -> Result<api::VerifyEmailResponse, Problem> {
        let pending = self.store.pending(answered.token.subject_id).await?;
        let pending = pending.ok_or_else(link_is_over)?;
        let (shown, password_hash) = match answered.password.is_empty() {
            false => {
                self.give_registered_password(origin, &pending, answered.password)
                    .await?;
                (Shown::Password, Some(pending.password_hash.clone()))
            }
            true => {
                let new_password = &answered.new_password;
                let hash = self.new_hash(origin, Shown::Nothing, new_password).await?;
                (Shown::Nothing, hash)
            }
        };
        let mut change = self.store.change().await?;
        let taken = change
            .take_mail_token(Purpose::ConfirmAccount, &answered.sha256)
            .await?;
        taken.ok_or_else(link_is_over)?;
        let pending = change.take_pending(pending.id).await?;
        let user = registered(pending.ok_or_else(link_is_over)?);
        change
            .create_user(&user, password_hash.as_deref().unwrap_or_default())
            .await?;
        let mut proven = api::VerifyEmailResponse::default();
        if shown == Shown::Password {
            proven.device = change
                .know(user.id, origin.device.as_deref(), false)
                .await?;
        }
        let who = origin.who(None);
        change.record(&who, Happened::to(user.id, EventBody::AccountCreated));
        change.record(&who, Happened::to(user.id, EventBody::EmailVerified));
        change.commit().await?;
        Ok(proven)
    }

    async fn give_registered_password(
        &self,
        origin: &Origin,
        pending: &PendingAccount,
        password: String,
    ) -> Result<(), Problem> {
        let place = origin.place(&pending.email, Knows::default(), Timestamp::default());
        let password = SecretString::from(password);
        if !is_password(password.expose_secret()) {
            return Err(self.failures.no_password(&place, origin, None).await);
        }
        let Admitted { lent, .. } = self.attempts.admit(origin, &place).await?;
        let held = Some(pending.password_hash.clone());
        let verified = self
            .passwords
            .verify(password.clone(), held, origin.line(false))
            .await?;
        if !verified.matches {
            return Err(self
                .failures
                .wrong_password(&place, origin, None, &password)
                .await);
        }
        self.limiter.give_back(&lent).await;
        Ok(())
    }

    /// What is shown, and the account whose password was right.
    async fn shown(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: &Answered,
    ) -> Result<(Shown, Option<Account>), Problem> {
        if let Some(session) = session {
            return Ok((Shown::Session(session.id), None));
        }
        if answered.password.is_empty() {
            return Ok((Shown::Nothing, None));
        }
        let account = self.store.account(answered.token.subject_id).await?;
        let email = account.ok_or_else(link_is_over)?.user.email;
        let password = answered.password.clone().into();
        let (account, _) = self
            .confirmation
            .confirmed(&email, None, origin, password)
            .await?;
        if account.user.id != answered.token.subject_id {
            return Err(refused());
        }
        Ok((Shown::Password, Some(account)))
    }

    /// The hash of the password that is set with a first proof by who knows no other.
    async fn new_hash(
        &self,
        origin: &Origin,
        shown: Shown,
        new_password: &str,
    ) -> Result<Option<String>, Problem> {
        if new_password.is_empty() {
            return Ok(None);
        }
        if shown != Shown::Nothing {
            return Err(Problem::invalid_field(
                "new_password",
                "left out where the account's password or a session of it is shown",
            ));
        }
        self.admit_all(&origin.address_limits()).await?;
        let chosen = SecretString::from(new_password);
        let line = origin.line(true);
        let hash = self
            .passwords
            .hash_chosen("new_password", chosen, Vec::new(), line);
        hash.await.map(Some)
    }

    /// Sends the letter that proves an address again: the new one where one waits.
    pub(super) async fn ask_verification(
        &self,
        session: &SessionRow,
        origin: &Origin,
    ) -> Result<(), Problem> {
        let User {
            id,
            email,
            pending_email,
            email_verified,
            ..
        } = &session.user;
        if *email_verified && pending_email.is_none() {
            return Ok(());
        }
        self.admit_all(&origin.mail_limits()).await?;
        let mut change = self.store.change().await?;
        match pending_email {
            Some(pending) => {
                let letter = MailKind::ConfirmAddress;
                change.send_mail(letter, pending, Some(*id), "").await?;
            }
            None => {
                let letter = MailKind::VerifyEmail;
                change.send_mail(letter, email, None, "").await?;
            }
        }
        change.commit().await?;
        self.mail_waits.notify_one();
        Ok(())
    }
}

/// Who is signed in believes to lose nothing: that the letter is about another account of theirs, whose
/// password would go, has to be said first.
fn another_account() -> Problem {
    Problem::new(
        Code::ReauthenticationRequired,
        "The link is about another account than the one you are signed in to; send that account's password with it.",
    )
}

/// Holds an account; none when it is gone. What was shown still has to count.
async fn hold_as_seen(
    change: &mut Change,
    user_id: Uuid,
    shown: Shown,
    seen: Option<&Account>,
) -> Result<Option<Account>, Problem> {
    let Some(held) = change.hold_account(user_id).await? else {
        return Ok(None);
    };
    if let Shown::Session(id) = shown
        && !change.is_open(id).await?
    {
        return Err(session_ended());
    }
    match seen {
        Some(seen) if seen.password_hash != held.password_hash => Err(changed_meanwhile()),
        _ => Ok(Some(held)),
    }
}

async fn move_to(change: &mut Change, user_id: Uuid, email: &str) -> Result<(), Problem> {
    change.require_free(email, user_id).await?;
    if !change.take_pending_email(user_id, email).await? {
        return Err(link_is_over());
    }
    let until = change.now.plus_seconds(UNDO_S);
    change.start_email_undo(user_id, until).await?;
    for purpose in [
        Purpose::PasswordReset,
        Purpose::VerifyEmail,
        Purpose::ChangeEmail,
    ] {
        change.drop_mail_tokens(purpose, user_id).await?;
    }
    Ok(())
}

fn registered(pending: PendingAccount) -> User {
    User {
        id: pending.id,
        email: pending.email,
        pending_email: None,
        handle: pending.handle,
        roles: vec![USER.to_owned()],
        email_verified: true,
        second_factor: false,
        created_at: Timestamp::now(),
    }
}
