use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use service_kit::config::ConfigFault;
use tempfile::TempDir;
use test_kit::MailServer;
use tokio::net::TcpListener;

use super::*;
use crate::domain::letters::password_reset;

const PUBLIC_URL: &str = "https://dev.example.com";
const TOKEN: &str = "Zm9yLXRlc3RzLW9ubHktZm9yLXRlc3RzLW9ubHktMTI";

fn letter() -> Letter {
    password_reset(PUBLIC_URL, TOKEN, 30)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn settings(url: Option<&str>, from: Option<&str>) -> config::Mail {
    config::Mail {
        url: url.map(Into::into),
        from: from.map(str::to_owned),
    }
}

fn mailer(url: &str) -> Mailer {
    Mailer::new(&settings(Some(url), None), Path::new("unused"), PUBLIC_URL).expect("a mailer")
}

/// Into a folder, of a web app at this address.
fn unset(folder: &Path, public_url: &str) -> Mailer {
    Mailer::new(&settings(None, None), folder, public_url).expect(public_url)
}

async fn send(mailer: &Mailer, to: &str) -> Result<(), MailFault> {
    mailer.send(Uuid::now_v7(), to, &letter()).await
}

/// The value of a header.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines
        .find_map(|line| line.strip_prefix(start.as_str()))
        .unwrap_or_else(|| panic!("no {name} in\n{message}"))
}

#[tokio::test]
async fn a_letter_arrives_whole_by_smtp() {
    let server = MailServer::start().await;
    let id = Uuid::now_v7();
    mailer(&server.url())
        .send(id, "reader@example.org", &letter())
        .await
        .expect("sent");
    let mail = server.mail_to("reader@example.org").await;
    assert_eq!(mail.from, "no-reply@dev.example.com");
    for (name, value) in [
        ("From", "DevMentor <no-reply@dev.example.com>"),
        ("To", "reader@example.org"),
        ("Subject", "DevMentor: Set a new password"),
        ("Message-ID", &format!("<{id}@dev.example.com>")),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(header(&mail.data, name), value);
    }
    assert!(header(&mail.data, "Date").contains(':'));
    assert!(header(&mail.data, "Content-Type").starts_with("multipart/alternative;"));
    let link = format!("{PUBLIC_URL}/reset-password#token={TOKEN}");
    assert!(mail.data.contains(&format!("\r\n{link}\r\n")), "as text");
    assert!(mail.data.contains(&format!("href=\"{link}\"")), "as HTML");
    assert_eq!(mail.token(), TOKEN);
}

#[tokio::test]
async fn what_can_never_go_is_told_from_what_may_go_later() {
    let mut server = MailServer::start().await;
    let mailer = mailer(&server.url());
    for (code, permanent) in [(451, false), (421, false), (550, true), (535, false)] {
        server.refuse(1, code);
        let fault = send(&mailer, "reader@example.org").await.expect_err("no");
        let reason = format!("the mail server answered {code}");
        let expected = match permanent {
            true => MailFault::Permanent(reason),
            false => MailFault::Transient(reason),
        };
        assert_eq!(fault, expected, "and no address in it");
    }
    for address in [
        "",
        "reader",
        "a@b@c",
        "a@b c",
        "a@b\r\nBcc: x@y.z",
        "r\u{e4}d@example.org",
    ] {
        let fault = send(&mailer, address).await.expect_err(address);
        assert!(matches!(fault, MailFault::Permanent(_)), "{fault:?}");
    }
    server.stop().await;
    let fault = send(&mailer, "reader@example.org").await.expect_err("away");
    assert!(matches!(fault, MailFault::Transient(_)), "{fault:?}");
    server.restart().await;
    send(&mailer, "reader@example.org").await.expect("sent");
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_silent_mail_server_costs_a_bounded_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    let mut mailer = mailer(&format!("smtp://{address}"));
    if let Way::Smtp(smtp) = mailer.way {
        mailer.way = Way::Smtp(smtp.with_patience(Duration::from_millis(50)));
    }
    let fault = send(&mailer, "reader@example.org")
        .await
        .expect_err("silent");
    let reason = "the mail server did not answer in time".to_owned();
    assert_eq!(fault, MailFault::Transient(reason));
}

#[tokio::test]
async fn files_are_whole_private_and_in_order() {
    let folder = folder();
    let unset = unset(folder.path(), "http://127.0.0.1:8080");
    for to in ["first@example.org", "second@example.org"] {
        send(&unset, to).await.expect("written");
    }
    let mail = folder.path().join("mail");
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&mail), 0o700);
    let mut files: Vec<_> = fs::read_dir(&mail)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2);
    for (file, to) in files.iter().zip(["first", "second"]) {
        assert_eq!(mode(file), 0o600);
        assert_eq!(file.extension().expect("one"), "eml");
        let message = fs::read_to_string(file).expect("a message");
        assert_eq!(header(&message, "To"), format!("{to}@example.org"));
        assert_eq!(header(&message, "From"), "DevMentor <no-reply@localhost>");
    }
    fs::remove_dir_all(&mail).expect("removed");
    let fault = send(&unset, "a@example.org").await.expect_err("no folder");
    assert!(matches!(fault, MailFault::Transient(_)), "{fault:?}");
}

#[test]
fn a_letter_sent_again_replaces_its_file() {
    let (folder, id) = (folder(), Uuid::now_v7());
    let mailer = mailer(&format!("file://{}/a/b", folder.path().display()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for _ in 0..2 {
        let sent = runtime.block_on(mailer.send(id, "a@example.org", &letter()));
        assert_eq!(sent, Ok(()));
    }
    let files = fs::read_dir(folder.path().join("a/b")).expect("a folder");
    assert_eq!(files.count(), 1);
}

#[tokio::test]
async fn every_web_app_can_send_and_every_account_can_be_written_to() {
    let folder = folder();
    for url in [
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://[::1]:8080",
        "http://ui_gateway:8080",
        "https://x.example",
    ] {
        let mailer = unset(folder.path(), url);
        for to in [
            "a@localhost",
            "admin@devmentor.local",
            "o'brien+x=y@example.org",
            "r\u{e4}d@example.org",
            "rad@b\u{fc}cher.example",
        ] {
            assert_eq!(send(&mailer, to).await, Ok(()), "{url}: {to}");
        }
    }
}

#[tokio::test]
async fn mail_comes_from_whom_the_settings_name() {
    for (from, shown, envelope) in [
        (
            "post@mail.example.org",
            "DevMentor <post@mail.example.org>",
            "post@mail.example.org",
        ),
        (
            "Our Board <board@example.org>",
            "\"Our Board\" <board@example.org>",
            "board@example.org",
        ),
    ] {
        let server = MailServer::start().await;
        let settings = settings(Some(&server.url()), Some(from));
        let mailer = Mailer::new(&settings, Path::new("unused"), PUBLIC_URL).expect(from);
        send(&mailer, "reader@example.org").await.expect("sent");
        let mail = server.mail_to("reader@example.org").await;
        assert_eq!(
            (mail.from.as_str(), header(&mail.data, "From")),
            (envelope, shown)
        );
    }
    let bad = settings(None, Some("a..b@example.org"));
    let Err(refused) = Mailer::new(&bad, folder().path(), PUBLIC_URL) else {
        panic!("not refused");
    };
    let fault = refused
        .downcast::<ConfigFault>()
        .expect("a fault of settings");
    assert!(
        fault.to_string().starts_with("DEVMENTOR__MAIL__FROM"),
        "{fault}"
    );
}

#[tokio::test]
async fn good_urls_are_taken_and_bad_ones_are_a_fault_of_settings() {
    let made = |url: &str| {
        let settings = settings(Some(url), None);
        Mailer::new(&settings, Path::new("unused"), PUBLIC_URL)
    };
    for good in [
        "smtp://127.0.0.1:25",
        "smtp://mail.example.com",
        "smtp://user:p%40ss@mail.example.com:587",
        "smtp://user:pass@mail.example.com?tls=opportunistic",
        "smtps://user:pass@mail.example.com",
    ] {
        assert!(made(good).is_ok(), "{good}");
    }
    for bad in [
        "http://s3cret@mail.example.com",
        "smtp://",
        "smtp://user:s3cret@",
        "smtp://user:s3cret@mail.example.com:port",
        "smtp://user:s3cret@mail.example.com?tls=maybe",
    ] {
        let refused = made(bad).err().expect(bad);
        let fault = refused.downcast_ref::<ConfigFault>().expect("a setting");
        let told = fault.to_string();
        assert!(
            told.starts_with("DEVMENTOR__MAIL__URL is not usable"),
            "{told}"
        );
        assert!(!told.contains("s3cret"), "{told}");
    }
}
