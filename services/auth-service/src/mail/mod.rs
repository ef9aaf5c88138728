//! Mail to people: handed to a mail server, or written to files where there is none.

mod files;
mod message;
mod smtp;

use std::{fmt, path::Path};

use actix_web::http::Uri;
use anyhow::Context;
use secrecy::ExposeSecret;
use service_kit::config::{self, ConfigFault};
use uuid::Uuid;

use self::{files::Files, message::Sender, smtp::Smtp};
use crate::domain::letters::Letter;

/// Sends letters.
pub struct Mailer {
    sender: Sender,
    way: Way,
}

enum Way {
    Files(Files),
    Smtp(Smtp),
}

/// Why a letter was not sent. It holds no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// It will not go however often it is tried.
    Permanent(String),
    /// It may go later.
    Transient(String),
}

impl Mailer {
    /// By the setting `mail.url`: `smtp://`, `smtps://` or `file://`; unset, files in
    /// `<data_dir>/mail`. From `mail.from`; unset, from the host of the web app. Nothing is connected to yet.
    pub fn new(settings: &config::Mail, data_dir: &Path, public_url: &str) -> anyhow::Result<Self> {
        let public: Uri = public_url.parse().context("the public URL is none")?;
        let sender = match &settings.from {
            Some(from) => Sender::named(from).ok_or_else(bad_sender)?,
            None => Sender::of(public.host().context("the public URL has no host")?)?,
        };
        let way = match settings.url.as_ref().map(ExposeSecret::expose_secret) {
            None => Way::Files(Files::new(&data_dir.join("mail"))?),
            Some(url) => match url.strip_prefix("file://") {
                Some(folder) => Way::Files(Files::new(Path::new(folder))?),
                None => Way::Smtp(Smtp::new(url).ok_or_else(bad_url)?),
            },
        };
        Ok(Self { sender, way })
    }

    /// Sends a letter. `id` is the same for each try of one letter, so that a twin can be told.
    pub async fn send(&self, id: Uuid, to: &str, letter: &Letter) -> Result<(), MailFault> {
        let message = self.sender.message(id, to, letter)?;
        match &self.way {
            Way::Files(files) => files.write(id, message.formatted()).await,
            Way::Smtp(smtp) => smtp.send(message).await,
        }
    }
}

impl fmt::Display for MailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Permanent(reason) | Self::Transient(reason)) = self;
        f.write_str(reason)
    }
}

impl std::error::Error for MailFault {}

fn bad_sender() -> anyhow::Error {
    anyhow::Error::new(ConfigFault::Bad {
        name: "DEVMENTOR__MAIL__FROM".to_owned(),
        expected: "expected an address that mail can come from, or Name <address>".to_owned(),
    })
}

/// The URL is not repeated: it may hold a password.
fn bad_url() -> anyhow::Error {
    anyhow::Error::new(ConfigFault::Bad {
        name: "DEVMENTOR__MAIL__URL".to_owned(),
        expected: "expected smtp://[user:password@]host[:port][?tls=required|opportunistic], \
                   smtps://..., or file://<folder>; signs in a password as %-codes"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests;
