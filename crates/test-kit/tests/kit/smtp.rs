//! A conversation with the mail server.

use test_kit::{Mail, MailServer};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let server = MailServer::start().await;
    let mut client = Client::of(&server).await;
    client.envelope().await;
    assert_eq!(client.ask("DATA").await, "354");
    let answer = client
        .ask("Subject: dots\r\n\r\n..begins with a dot\r\nhttp://x/y#token=a-b_C1.\r\n.")
        .await;
    assert_eq!(answer, "250");
    assert_eq!(client.ask("QUIT").await, "221");
    let mail = server.mail_to("b@example.com").await;
    assert_eq!(mail.token(), "a-b_C1");
    let expected = Mail {
        from: "a@example.com".to_owned(),
        to: vec!["b@example.com".to_owned()],
        data: "Subject: dots\r\n\r\n.begins with a dot\r\nhttp://x/y#token=a-b_C1.\r\n".to_owned(),
    };
    assert_eq!(mail, expected);
    assert!(server.mails().is_empty(), "it was taken out");
}

#[tokio::test]
async fn mails_are_refused_as_told_and_a_stopped_server_comes_back() {
    let mut server = MailServer::start().await;
    server.refuse(1, 451);
    let mut client = Client::of(&server).await;
    assert_eq!(client.ask("EHLO test").await, "250");
    assert_eq!(client.ask("MAIL FROM:<a@example.com>").await, "250");
    assert_eq!(client.ask("RCPT TO:<b@example.com>").await, "451");
    assert_eq!(client.ask("DATA").await, "503");
    assert_eq!(client.ask("RSET").await, "250");
    assert_eq!(client.ask("VRFY b").await, "502");
    server.stop().await;
    assert_eq!(client.ask("NOOP").await, "", "the connection ended");
    let address = server.url().replace("smtp://", "");
    assert!(TcpStream::connect(&address).await.is_err());
    server.restart().await;
    Client::of(&server).await.envelope().await;
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn of(server: &MailServer) -> Self {
        let address = server.url().replace("smtp://", "");
        let socket = TcpStream::connect(address).await.expect("a connection");
        let mut client = Self(BufReader::new(socket));
        assert_eq!(client.answer().await, "220");
        client
    }

    async fn envelope(&mut self) {
        for line in [
            "EHLO test",
            "MAIL FROM:<a@example.com>",
            "rcpt to:<b@example.com>",
        ] {
            assert_eq!(self.ask(line).await, "250", "{line}");
        }
    }

    /// The code of the answer; nothing when the connection ended.
    async fn ask(&mut self, lines: &str) -> String {
        // One that has ended says so when it is read from.
        let _ = self.0.write_all(format!("{lines}\r\n").as_bytes()).await;
        self.answer().await
    }

    async fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).await;
            if read.is_err() || line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3).unwrap_or_default().to_owned();
            }
        }
    }
}
