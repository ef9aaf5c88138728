//! The first proof of an account's address.

use redis_contracts::event::EventBody;
use service_kit::Problem;

use super::{
    Answered, EmailProof, ProvenEmail,
    shown::{Shown, hold_as_seen},
};
use crate::{
    accounts::{Origin, ended_access::EndedAccess, password_reset::link_is_over},
    store::{Happened, Purpose, SessionRow},
};

impl EmailProof {
    pub(super) async fn prove_first(
        &self,
        origin: &Origin,
        session: Option<SessionRow>,
        answered: Answered,
    ) -> Result<ProvenEmail, Problem> {
        let (shown, account) = self.shown(origin, session, &answered).await?;
        let Answered {
            token,
            sha256,
            new_password,
            ..
        } = answered;
        let user_id = token.subject_id;
        let hash = self.new_hash(origin, shown, new_password).await?;
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        let held = hold_as_seen(&mut change, user_id, shown, account.as_ref()).await;
        // Of several letters, one is the first proof; what another one ends could be its owner's.
        let is_good = held?.is_some_and(|held| !held.user.email_verified)
            && change
                .take_mail_token(Purpose::VerifyEmail, &sha256)
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
        let mut device = String::new();
        let mut ended = Vec::new();
        match shown {
            Shown::Session(_) => {}
            Shown::Password => {
                device = change
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
        Ok(ProvenEmail {
            device,
            ended: Some(EndedAccess { ids: ended, heard }),
        })
    }
}
