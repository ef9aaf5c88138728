//! Sends the mails that wait. What a link opens is made when its mail is sent, so that no secret is at
//! rest; a mail server that is away is tried again, longer apart each time. Letters are written one
//! after the other, so that each knows of the one before it, and sent a few at once, so that a slow
//! server does not hold up the rest.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use prometheus::{IntCounterVec, register_int_counter_vec};
use redis_access::Backoff;
use redis_contracts::{Timestamp, event::EventBody};
use service_kit::Problem;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    domain::{
        account::is_reserved,
        email_change::{PENDING_S, UNDO_DAYS, UNDO_S},
        letters::{self, Letter},
        secret::{new_secret, sha256},
    },
    mail::{MailFault, Mailer},
    store::{Account, DueMail, Happened, MailKind, MailToken, Purpose, Store, Who},
};

/// How long the link to a new password is good.
const RESET_MINUTES: u64 = 30;
/// How long the link that proves an address is good.
const VERIFY_HOURS: u64 = 72;
/// How long the link that finishes a registration is good.
pub const CONFIRM_HOURS: u64 = 24;

/// A second link of the same kind is not sent within this time: the first one is good.
const APART_S: u64 = 60;

/// While a mail is being sent, no other replica takes it for so long. More than [`APART_S`]: the token
/// of a try that a crash cut off must not pass for a link that was sent.
const TAKEN_S: u64 = 90;

/// Waits between tries: this, doubled each time.
const FIRST_WAIT_S: u64 = 2;
const LONGEST_WAIT_S: u64 = 600;

/// A mail that could not be sent for so long is given up.
const GIVEN_UP_AFTER_MS: i64 = 2 * 86_400_000;

/// Mails that other replicas left, and wishes that nobody was woken for, are found within this.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Mails that are being sent at once.
const AT_ONCE: usize = 4;

/// A mail is begun so long after it was asked for, or up to half of it sooner: writing one for an account
/// takes commits that others wait behind, and the next answer to who asked must not tell.
const UNNOTICED_AFTER: Duration = Duration::from_secs(3);

static MAILS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_mails_total",
        "Mails, by what became of them: sent, delayed, refused or needless.",
        &["outcome"]
    )
    .expect("a metric is registered once")
});

/// Sends what waits.
pub struct Postman {
    /// Where mails wait.
    pub store: Store,
    /// Where they go.
    pub mailer: Mailer,
    /// Woken when one waits.
    pub waits: Arc<Notify>,
    /// The web app's address.
    pub public_url: String,
}

/// A letter, and the token in it.
struct Written {
    letter: Letter,
    token_sha256: Option<[u8; 32]>,
}

/// A mail that is due, as it goes out; without a letter there is nothing to say any more.
struct Outgoing {
    mail: DueMail,
    written: Option<Written>,
}

/// What is to be done for a mail.
enum Step {
    /// The next one is taken and written.
    Write,
    /// This one is sent.
    Send(Box<Outgoing>),
}

/// What came of it.
enum Done {
    /// This one is to be sent.
    Wrote(Box<Outgoing>),
    /// None is due for so long.
    Idle(Duration),
    /// Look again after so long.
    Sent(Duration),
}

impl Postman {
    /// Sends until `stop`; then what was begun. Writing and sending are looked after together: a sending
    /// that nobody looked after could hold the one connection that writing waits for.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut steps = FuturesUnordered::new();
        let mut unnoticed = Backoff::new(UNNOTICED_AFTER, UNNOTICED_AFTER);
        let mut look_at = Instant::now();
        let (mut writes, mut sends) = (false, 0);
        loop {
            let room = !writes && sends < AT_ONCE;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.waits.notified() => {
                    look_at = look_at.min(Instant::now() + unnoticed.next_wait());
                }
                Some(done) = steps.next() => match done {
                    Done::Wrote(outgoing) => {
                        (writes, sends) = (false, sends + 1);
                        steps.push(self.step(Step::Send(outgoing)));
                    }
                    Done::Idle(wait) => {
                        writes = false;
                        look_at = Instant::now() + wait;
                    }
                    Done::Sent(wait) => {
                        sends -= 1;
                        look_at = look_at.min(Instant::now() + wait);
                    }
                },
                () = sleep_until(look_at), if room => {
                    writes = true;
                    steps.push(self.step(Step::Write));
                }
            }
        }
        // What was written and is not being sent is sent after the next start.
        while steps.next().await.is_some() {}
        Ok(())
    }

    async fn step(&self, step: Step) -> Done {
        match step {
            Step::Write => match self.begin().await {
                Ok(Some(outgoing)) => Done::Wrote(Box::new(outgoing)),
                Ok(None) => Done::Idle(self.next_due().await),
                Err(problem) => {
                    tracing::debug!(error = %problem, "mails are looked at later");
                    Done::Idle(LOOK_EVERY)
                }
            },
            Step::Send(outgoing) => Done::Sent(self.end(*outgoing).await),
        }
    }

    /// Takes a mail that is due and writes it.
    async fn begin(&self) -> Result<Option<Outgoing>, Problem> {
        let again_at = Timestamp::now().plus_seconds(TAKEN_S);
        let Some(mail) = self.store.take_mail(again_at).await? else {
            return Ok(None);
        };
        let written = self.write(&mail).await?;
        Ok(Some(Outgoing { mail, written }))
    }

    /// How long until a mail is due; at once where another replica was faster, and there are more.
    async fn next_due(&self) -> Duration {
        let Ok(Some(next_at)) = self.store.next_mail_at().await else {
            return LOOK_EVERY;
        };
        let wait_ms = next_at.unix_ms() - Timestamp::now().unix_ms();
        Duration::from_millis(wait_ms.max(1).unsigned_abs()).min(LOOK_EVERY)
    }

    /// Sends a mail; answers after how long to look again.
    async fn end(&self, Outgoing { mail, written }: Outgoing) -> Duration {
        match self.deliver(&mail, written).await {
            Ok((outcome, wait)) => {
                MAILS.with_label_values(&[outcome]).inc();
                wait
            }
            Err(problem) => {
                tracing::debug!(mail.id = %mail.id, error = %problem, "a mail is looked at later");
                LOOK_EVERY
            }
        }
    }

    async fn deliver(
        &self,
        mail: &DueMail,
        written: Option<Written>,
    ) -> Result<(&'static str, Duration), Problem> {
        let Some(written) = written else {
            self.store.forget_mail(mail.id).await?;
            return Ok(("needless", LOOK_EVERY));
        };
        let sent = self
            .mailer
            .send(mail.id, &mail.email, &written.letter)
            .await;
        let Err(fault) = sent else {
            self.store.forget_mail(mail.id).await?;
            return Ok(("sent", LOOK_EVERY));
        };
        if let Some(sha256) = written.token_sha256 {
            self.store.drop_mail_token(&sha256).await?;
        }
        let age_ms = Timestamp::now().unix_ms() - mail.created_at.unix_ms();
        let lasting = matches!(fault, MailFault::Permanent(_));
        if lasting || age_ms > GIVEN_UP_AFTER_MS {
            tracing::error!(mail.id = %mail.id, mail.kind = ?mail.kind, error = %fault, "a mail cannot be sent");
            self.store.forget_mail(mail.id).await?;
            return Ok(("refused", LOOK_EVERY));
        }
        let wait_s = wait_s(mail.tries);
        tracing::warn!(mail.id = %mail.id, error = %fault, wait_s, "a mail is sent later");
        let moment = Timestamp::now().plus_seconds(wait_s);
        self.store.try_mail_at(mail.id, moment).await?;
        Ok(("delayed", Duration::from_secs(wait_s)))
    }

    /// The letter; nothing when there is nobody to write to, or nothing to say any more.
    async fn write(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let url = self.public_url.as_str();
        let plain = |letter| {
            Some(Written {
                letter,
                token_sha256: None,
            })
        };
        match mail.kind {
            MailKind::PasswordReset => self.write_reset(mail).await,
            MailKind::VerifyEmail => self.write_verify(mail).await,
            MailKind::ConfirmAccount => self.write_confirm(mail).await,
            MailKind::PasswordChanged => Ok(plain(letters::password_changed(url))),
            MailKind::SecondFactorEnabled => Ok(plain(letters::second_factor_changed(url, true))),
            MailKind::SecondFactorDisabled => Ok(plain(letters::second_factor_changed(url, false))),
            MailKind::ConfirmAddress => self.write_confirm_address(mail).await,
            MailKind::AddressChanges => self.write_address_changes(mail).await,
            MailKind::MachineTokenMade => Ok(plain(letters::machine_token_made(url))),
            MailKind::PasswordKnown => Ok(plain(letters::password_known(url))),
        }
    }

    async fn write_reset(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let Some(user) = self.store.user_by_email(&mail.email).await? else {
            return Ok(None);
        };
        let purpose = Purpose::PasswordReset;
        let Some(token) = self
            .token(purpose, user.id, mail, RESET_MINUTES * 60)
            .await?
        else {
            return Ok(None);
        };
        if mail.tries == 1 {
            let happened = Happened::to(user.id, EventBody::PasswordResetRequested);
            self.store.record(&Who::default(), happened).await?;
        }
        let letter = letters::password_reset(&self.public_url, &token, RESET_MINUTES);
        Ok(Some(Written::with(letter, &token)))
    }

    async fn write_verify(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let user = self.store.user_by_email(&mail.email).await?;
        let Some(user) = user.filter(|user| !user.email_verified) else {
            return Ok(None);
        };
        let purpose = Purpose::VerifyEmail;
        let Some(token) = self
            .token(purpose, user.id, mail, VERIFY_HOURS * 3600)
            .await?
        else {
            return Ok(None);
        };
        let letter = letters::verify_email(&self.public_url, &token, VERIFY_HOURS);
        Ok(Some(Written::with(letter, &token)))
    }

    /// Only the mailbox learns whether the address is taken.
    async fn write_confirm_address(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let user_id = mail.subject_id.unwrap_or_default();
        let account = self.store.account(user_id).await?;
        let waits = |account: &Account| account.user.pending_email.as_ref() == Some(&mail.email);
        if !account.as_ref().is_some_and(waits) {
            return Ok(None);
        }
        if self.store.user_by_email(&mail.email).await?.is_some() {
            return Ok(Some(Written {
                letter: letters::account_exists(&self.public_url),
                token_sha256: None,
            }));
        }
        let purpose = Purpose::ChangeEmail;
        let token = self
            .token(purpose, user_id, mail, VERIFY_HOURS * 3600)
            .await?;
        Ok(token.map(|token| {
            let letter = letters::confirm_address(&self.public_url, &token, VERIFY_HOURS);
            Written::with(letter, &token)
        }))
    }

    /// Its link is good for as long as what it undoes can be undone.
    async fn write_address_changes(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let undo_id = mail.subject_id.unwrap_or_default();
        if self.store.email_undo(undo_id).await?.is_none() {
            return Ok(None);
        }
        let purpose = Purpose::UndoEmailChange;
        let token = self
            .token(purpose, undo_id, mail, PENDING_S + UNDO_S)
            .await?;
        Ok(token.map(|token| {
            let letter =
                letters::address_changes(&self.public_url, &token, &mail.handle, UNDO_DAYS);
            Written::with(letter, &token)
        }))
    }

    /// Only the mailbox learns whether the address or the handle is taken.
    async fn write_confirm(&self, mail: &DueMail) -> Result<Option<Written>, Problem> {
        let url = &self.public_url;
        let told = |letter| {
            Ok(Some(Written {
                letter,
                token_sha256: None,
            }))
        };
        if self.store.user_by_email(&mail.email).await?.is_some() {
            return told(letters::account_exists(url));
        }
        if is_reserved(&mail.handle) || self.store.is_handle_taken(&mail.handle).await? {
            return told(letters::handle_taken(url, &mail.handle));
        }
        let subject_id = mail.subject_id.unwrap_or_default();
        let purpose = Purpose::ConfirmAccount;
        let Some(token) = self
            .token(purpose, subject_id, mail, CONFIRM_HOURS * 3600)
            .await?
        else {
            return Ok(None);
        };
        let letter = letters::confirm_account(url, &token, CONFIRM_HOURS);
        Ok(Some(Written::with(letter, &token)))
    }

    /// A new token; nothing when one was sent just before.
    async fn token(
        &self,
        purpose: Purpose,
        subject_id: Uuid,
        mail: &DueMail,
        life_s: u64,
    ) -> Result<Option<String>, Problem> {
        let now = Timestamp::now();
        let since = Timestamp::from_unix_ms(now.unix_ms() - (APART_S * 1000).cast_signed());
        let kept = MailToken {
            subject_id,
            email: mail.email.clone(),
        };
        if self.store.mailed_since(purpose, &kept, since).await? {
            return Ok(None);
        }
        let token = new_secret()?;
        let sha256 = sha256(token.as_bytes());
        let ends = now.plus_seconds(life_s);
        self.store
            .keep_mail_token(purpose, &kept, &sha256, ends)
            .await?;
        Ok(Some(token))
    }
}

impl Written {
    fn with(letter: Letter, token: &str) -> Self {
        Self {
            letter,
            token_sha256: Some(sha256(token.as_bytes())),
        }
    }
}

/// Seconds until the next try after so many.
fn wait_s(tries: u32) -> u64 {
    let doubled = FIRST_WAIT_S.saturating_mul(1 << tries.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        assert_eq!(
            [1, 2, 3, 4, 20, u32::MAX].map(wait_s),
            [2, 4, 8, 16, 600, 600]
        );
    }
}
