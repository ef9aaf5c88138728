//! Mail by SMTP.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

use actix_web::http::Uri;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{
        self,
        client::{Tls, TlsParameters},
    },
};
use tokio::time::timeout;

use super::MailFault;

const CONNECT: Duration = Duration::from_secs(10);

/// For the whole conversation. lettre bounds only the connecting.
const CONVERSATION: Duration = Duration::from_secs(30);

/// Answers that are about us and our password, RFC 4954, and not about the letter.
const SIGN_IN_REFUSED: RangeInclusive<u16> = 530..=538;

/// A mail server. Letters are few, so each has a connection of its own.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    patience: Duration,
}

impl Smtp {
    /// Nothing when the URL is none for this.
    pub(super) fn new(url: &str) -> Option<Self> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .ok()?
            .timeout(Some(CONNECT));
        if let Some(tls) = default_tls(&url.parse().ok()?)? {
            builder = builder.tls(tls);
        }
        let transport = builder.build();
        Some(Self {
            transport,
            patience: CONVERSATION,
        })
    }

    /// Hands a message over.
    pub(super) async fn send(&self, message: Message) -> Result<(), MailFault> {
        let is_plain = message
            .envelope()
            .to()
            .iter()
            .all(|to| AsRef::<str>::as_ref(to).is_ascii());
        match timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(fault(&error, is_plain)),
            Err(_) => Err(MailFault::Transient(
                "the mail server did not answer in time".to_owned(),
            )),
        }
    }

    /// As it is, but for how long a conversation may take.
    #[cfg(test)]
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// What `smtp://` does where the URL does not say: STARTTLS if the server offers it, always where a
/// password is sent, and none on this machine.
fn default_tls(url: &Uri) -> Option<Option<Tls>> {
    let host = url.host()?;
    let is_said = url
        .query()
        .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("tls=")));
    if url.scheme_str() != Some("smtp") || is_said || is_this_machine(host) {
        return Some(None);
    }
    let parameters = TlsParameters::new(host.to_owned()).ok()?;
    let has_password = url.authority()?.as_str().contains('@');
    Some(Some(match has_password {
        true => Tls::Required(parameters),
        false => Tls::Opportunistic(parameters),
    }))
}

fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// What the server says beside its code may hold the address, so it is left out.
fn fault(error: &smtp::Error, is_plain: bool) -> MailFault {
    if let Some(code) = error.status().map(u16::from) {
        let reason = format!("the mail server answered {code}");
        return match error.is_permanent() && !SIGN_IN_REFUSED.contains(&code) {
            true => MailFault::Permanent(reason),
            false => MailFault::Transient(reason),
        };
    }
    if error.is_client() && !is_plain {
        let reason = "the mail server takes only addresses in ASCII";
        return MailFault::Permanent(reason.to_owned());
    }
    if error.is_response() {
        return MailFault::Transient("the mail server does not speak SMTP".to_owned());
    }
    MailFault::Transient(error.to_string())
}
