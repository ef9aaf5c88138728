//! The proof of a new address.

use redis_contracts::event::EventBody;
use service_kit::{Code, Problem};
use uuid::Uuid;

use super::{
    Answered, EmailProof, ProvenEmail,
    shown::{Shown, hold_as_seen},
};
use crate::{
    accounts::{Origin, ended_access::EndedAccess, password_reset::link_is_over},
    domain::email_change::UNDO_S,
    store::{Change, Happened, Purpose, SessionRow},
};

impl EmailProof {
    /// The new address of an account counts from now on. A token alone does nothing, and stays good.
    pub(super) async fn change_address(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: Answered,
    ) -> Result<ProvenEmail, Problem> {
        let (shown, account) = self.shown(origin, session, &answered).await?;
        if shown == Shown::Nothing {
            return Err(Problem::new(
                Code::ReauthenticationRequired,
                "Sign in where you open the link, or send the account's password with it.",
            ));
        }
        let Answered {
            token,
            sha256,
            new_password,
            ..
        } = answered;
        let user_id = token.subject_id;
        self.new_hash(origin, shown, new_password).await?;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = hold_as_seen(&mut change, user_id, shown, account.as_ref()).await;
        let is_good = held?.is_some()
            && change
                .take_mail_token(Purpose::ChangeEmail, &sha256)
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
        let mut device = String::new();
        if shown == Shown::Password {
            device = change
                .know(user_id, origin.device.as_deref(), false)
                .await?;
        }
        change.touch_copies(user_id).await?;
        let who = origin.who(None);
        change.record(&who, Happened::to(user_id, EventBody::EmailChanged));
        change.record(&who, Happened::to(user_id, EventBody::EmailVerified));
        change.commit().await?;
        let ended = EndedAccess {
            ids: Vec::new(),
            heard: telling.tell_all(user_id).await,
        };
        Ok(ProvenEmail {
            device,
            ended: Some(ended),
        })
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
