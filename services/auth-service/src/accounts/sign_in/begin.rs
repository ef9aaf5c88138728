//! A session begins.

use redis_contracts::event::EventBody;
use secrecy::SecretString;
use service_kit::Problem;

use super::{SignIn, begin_anew};
use crate::{
    accounts::{
        Origin, attempts::changed_meanwhile, codes::Proof, place::Place,
        session_tokens::SessionTokens,
    },
    copies::Copied,
    domain::{lifetime::expires_at, refresh::RefreshToken},
    store::{Account, Happened, NewSession},
};

/// Open sessions of a person at most; the oldest end.
const MOST_SESSIONS: i64 = 500;

/// A second step whose code was right when it was looked at.
pub struct PassedStep {
    /// How its challenge is known.
    pub challenge: [u8; 32],
    /// What its code is.
    pub proof: Proof,
    /// The code, for where it was taken meanwhile.
    pub code: SecretString,
}

impl SignIn {
    /// Begins a session, and knows the device from now on.
    pub(super) async fn begin_session(
        &self,
        account: &Account,
        place: &Place,
        origin: &Origin,
        second: Option<PassedStep>,
    ) -> Result<SessionTokens, Problem> {
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        // Checking a password takes long enough for all of this to change.
        let held = change.hold_account(account.user.id).await?;
        let Some(held) = held.filter(|held| {
            held.password_hash == account.password_hash
                && held.totp_secret == account.totp_secret
                && (held.totp_secret.is_none() || second.is_some())
        }) else {
            telling.nothing();
            return Err(changed_meanwhile());
        };
        let passes = second.is_some();
        if let Some(PassedStep {
            challenge,
            proof,
            code,
        }) = second
        {
            // Sent twice, it is no wrong code.
            if !change.take_challenge(&challenge).await? {
                telling.nothing();
                return Err(begin_anew());
            }
            if !proof.take(&mut change, account, origin).await? {
                drop(change);
                telling.nothing();
                let wrong = self.failures.wrong_code(place, origin, account, &code);
                return Err(wrong.await);
            }
        }
        let device = change
            .know(account.user.id, origin.device.as_deref(), passes)
            .await?;
        let token = RefreshToken::new()?;
        let new = NewSession {
            user: held.user,
            agent: origin.agent.clone(),
            address: origin.address(),
            expires_at: expires_at(self.session, change.now, change.now),
        };
        let row = change.create_session(new, &token).await?;
        let others_end = change.end_oldest(account.user.id, MOST_SESSIONS).await?;
        let who = origin.who(Some(row.id));
        change.record(&who, Happened::to(account.user.id, EventBody::SignedIn));
        change.commit().await?;
        if others_end {
            self.copies.tell_later();
        }
        let copied = [Copied::Session(&row)];
        tokio::join!(
            telling.tell(&copied),
            self.limiter.forget_failures(&place.lock),
        );
        tracing::info!(user.id = %row.user.id, session.id = %row.id, "signed in");
        SessionTokens::issue(&self.tokens, row, token, device)
    }
}
