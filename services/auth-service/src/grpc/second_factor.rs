//! The second factor is set up and taken away.

use redis_contracts::{Timestamp, event::EventBody};
use rpc::auth as api;
use service_kit::{Code, Problem};

use super::Accounts;
use crate::{
    accounts::Origin,
    second_factor as totp,
    store::{Account, Happened, MailKind, SessionRow},
    tokens::session_ended,
};

impl Accounts {
    async fn account_of(&self, session: &SessionRow) -> Result<Account, Problem> {
        let account = self.store.account(session.user.id).await?;
        account.ok_or_else(session_ended)
    }

    pub(super) async fn new_totp(
        &self,
        session: &SessionRow,
    ) -> Result<api::BeginTotpResponse, Problem> {
        if self.account_of(session).await?.totp_secret.is_some() {
            return Err(Problem::new(
                Code::Conflict,
                "There is a second factor already; turn it off first.",
            ));
        }
        let secret = totp::new_secret().map_err(Problem::internal)?;
        let user_id = session.user.id;
        let sealed = totp::seal(&self.seal_key, &secret, user_id.as_bytes());
        let sealed = sealed.map_err(Problem::internal)?;
        self.store.begin_totp(user_id, &sealed).await?;
        let uri = totp::uri(&secret, &session.user.email).map_err(Problem::internal)?;
        Ok(api::BeginTotpResponse {
            secret: totp::base32(&secret).to_string(),
            qr_svg: totp::qr_svg(&uri).map_err(Problem::internal)?.to_string(),
            uri: uri.to_string(),
        })
    }

    pub(super) async fn confirm_new_totp(
        &self,
        session: &SessionRow,
        origin: &Origin,
        code: &str,
    ) -> Result<api::ConfirmTotpResponse, Problem> {
        let account = self.account_of(session).await?;
        let sealed = account.totp_pending.ok_or_else(|| {
            Problem::new(
                Code::Conflict,
                "No second factor waits for its first code; begin anew.",
            )
        })?;
        let user_id = account.user.id;
        let secret = totp::open(&self.seal_key, &sealed, user_id.as_bytes());
        let secret = secret.map_err(Problem::internal)?;
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
        Ok(api::ConfirmTotpResponse {
            recovery_codes: codes,
        })
    }

    pub(super) async fn remove_second_factor(
        &self,
        session: &SessionRow,
        origin: &Origin,
    ) -> Result<(), Problem> {
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
}
