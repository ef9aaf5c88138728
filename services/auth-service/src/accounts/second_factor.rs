//! The second factor is set up and taken away.

use std::sync::Arc;

use redis_contracts::{Timestamp, event::EventBody};
use service_kit::{Code, Problem};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::{Origin, Parts, codes::Codes};
use crate::{
    copies::Copies,
    second_factor as totp,
    store::{Account, Happened, MailKind, SessionRow, Store},
    tokens::session_ended,
};

/// Sets up second factors.
pub struct SecondFactor {
    store: Store,
    codes: Codes,
    copies: Copies,
    mail_waits: Arc<Notify>,
}

/// What an app makes codes of, in the forms that apps take.
pub struct AppSecret {
    /// In Base32, to be typed.
    pub base32: Zeroizing<String>,
    /// As a link.
    pub uri: Zeroizing<String>,
    /// The link as a picture.
    pub qr_svg: Zeroizing<String>,
}

impl SecondFactor {
    /// Of these parts.
    pub fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            codes: Codes::of(parts),
            copies: parts.copies.clone(),
            mail_waits: Arc::clone(&parts.mail_waits),
        }
    }

    /// A secret that waits for its first code.
    pub async fn begin(&self, session: &SessionRow) -> Result<AppSecret, Problem> {
        if self.account_of(session).await?.totp_secret.is_some() {
            return Err(Problem::new(
                Code::Conflict,
                "There is a second factor already; turn it off first.",
            ));
        }
        let secret = totp::new_secret().map_err(Problem::internal)?;
        let user_id = session.user.id;
        let sealed = self.codes.seal(user_id, &secret)?;
        self.store.begin_totp(user_id, &sealed).await?;
        let uri = totp::uri(&secret, &session.user.email).map_err(Problem::internal)?;
        Ok(AppSecret {
            base32: totp::base32(&secret),
            qr_svg: totp::qr_svg(&uri).map_err(Problem::internal)?,
            uri,
        })
    }

    /// Turns it on with its first code; answers the recovery codes.
    pub async fn confirm(
        &self,
        session: &SessionRow,
        origin: &Origin,
        code: &str,
    ) -> Result<Vec<String>, Problem> {
        let account = self.account_of(session).await?;
        let sealed = account.totp_pending.ok_or_else(|| {
            Problem::new(
                Code::Conflict,
                "No second factor waits for its first code; begin anew.",
            )
        })?;
        let user_id = account.user.id;
        let secret = self.codes.open(user_id, &sealed)?;
        let step = totp::check(&secret, code, Timestamp::now(), None).ok_or_else(|| {
            Problem::invalid_field("code", "the six digits that the app shows now")
        })?;
        let codes = totp::recovery_codes().map_err(Problem::internal)?;
        let hashes: Vec<_> = codes
            .iter()
            .filter_map(|code| totp::recovery_hash(code))
            .collect();
        let telling = self.copies.telling();
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        if !change.confirm_totp(user_id, &sealed, step, &hashes).await? {
            telling.nothing();
            return Err(Problem::new(
                Code::Conflict,
                "It was set up anew meanwhile; begin anew.",
            ));
        }
        change.touch_copies(user_id).await?;
        let mail = MailKind::SecondFactorEnabled;
        change
            .send_mail(mail, &account.user.email, None, "")
            .await?;
        let happened = Happened::to(user_id, EventBody::SecondFactorEnabled);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user_id).await;
        Ok(codes)
    }

    /// Takes it away, where there is one.
    pub async fn remove(&self, session: &SessionRow, origin: &Origin) -> Result<(), Problem> {
        let telling = self.copies.telling();
        let user_id = session.user.id;
        let mut change = self.store.change().await?;
        change.hold_account(user_id).await?;
        if !change.remove_totp(user_id).await? {
            telling.nothing();
            return Ok(());
        }
        change.touch_copies(user_id).await?;
        let mail = MailKind::SecondFactorDisabled;
        change
            .send_mail(mail, &session.user.email, None, "")
            .await?;
        let happened = Happened::to(user_id, EventBody::SecondFactorDisabled);
        change.record(&origin.who(Some(session.id)), happened);
        change.commit().await?;
        self.mail_waits.notify_one();
        telling.tell_all(user_id).await;
        Ok(())
    }

    async fn account_of(&self, session: &SessionRow) -> Result<Account, Problem> {
        let account = self.store.account(session.user.id).await?;
        account.ok_or_else(session_ended)
    }
}
