//! A letter as a message, RFC 5322.

use std::net::IpAddr;

use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::MailFault;
use crate::domain::letters::Letter;

const NAME: &str = "DevMentor";
const LOCAL_PART: &str = "no-reply";
const LOCALHOST: &str = "localhost";

/// Of a line, without its end, RFC 5322.
const LONGEST_LINE: usize = 998;

/// Who it comes from.
pub(super) struct Sender(Mailbox);

impl Sender {
    /// `no-reply` at the host of the web app; at the local host where that is no mail domain, such as
    /// an IP address.
    pub(super) fn of(host: &str) -> anyhow::Result<Self> {
        let is_ip = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let domain = if is_ip { LOCALHOST } else { host };
        let address =
            Address::new(LOCAL_PART, domain).or_else(|_| Address::new(LOCAL_PART, LOCALHOST))?;
        Ok(Self(Mailbox::new(Some(NAME.to_owned()), address)))
    }

    /// An address, or `Name <address>`; without a name, the product's.
    pub(super) fn named(from: &str) -> Option<Self> {
        let mut mailbox: Mailbox = from.parse().ok()?;
        mailbox.name.get_or_insert_with(|| NAME.to_owned());
        Some(Self(mailbox))
    }

    /// Says that no person wrote it, so that no machine answers it (RFC 3834).
    pub(super) fn message(
        &self,
        id: Uuid,
        to: &str,
        letter: &Letter,
    ) -> Result<Message, MailFault> {
        let to: Address = to
            .parse()
            .map_err(|_| MailFault::Permanent("the address cannot be written to".to_owned()))?;
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date_now()
            .message_id(Some(format!("<{id}@{}>", self.0.email.domain())))
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(
                body(&letter.text),
                body(&letter.html),
            ))
            .map_err(no_message)
    }
}

/// As it is where mail allows that, so that a link can be copied from the raw message too. lettre would
/// encode every text with a line of more than 76 characters, which links are.
fn body(text: &str) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() < LONGEST_LINE) {
        let lines = text.replace('\n', "\r\n").into_bytes();
        return Body::dangerous_pre_encoded(lines, ContentTransferEncoding::SevenBit);
    }
    Body::new(text.to_owned())
}

fn no_message(error: lettre::error::Error) -> MailFault {
    MailFault::Permanent(format!("no message can be made: {error}"))
}
