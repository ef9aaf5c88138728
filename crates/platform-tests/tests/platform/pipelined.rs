//! Requests that come before their predecessors are answered (RFC 9112 section 9.3.2): each is, in turn.

use test_kit::{Person, Platform};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request to which this is the answer's status; it bears its number.
struct Asked {
    status: u16,
    text: String,
}

/// Requests of each kind of body, and of none.
fn requests(person: &Person) -> Vec<Asked> {
    let posted = |number: u32, follows: &str| {
        format!(
            "POST /api/projects HTTP/1.1\r\nhost: x\r\nx-request-id: {number}\r\n\
             content-type: application/json\r\nauthorization: Bearer {}\r\n{follows}",
            person.token
        )
    };
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    let long = format!("{{\"key\":\"LONG\",\"name\":\"{}\"}}", " ".repeat(20_000));
    let texts = [
        (
            200,
            "GET /api/health HTTP/1.1\r\nhost: x\r\nx-request-id: 1\r\n\r\n".to_owned(),
        ),
        (
            201,
            posted(
                2,
                "content-length: 30\r\n\r\n{\r\n\r\n\"key\":\"ONE\",\"name\":\"one\"}\r\n",
            ),
        ),
        (
            200,
            "\r\nGET /api/health HTTP/1.1\nhost: x\nx-request-id: 3\n\n".to_owned(),
        ),
        (
            201,
            posted(
                4,
                &format!(
                    "{chunked}1a;of=one\r\n{{\"key\":\"TWO\",\"name\":\"two\"}}\r\n0\r\nx: y\r\n\r\n"
                ),
            ),
        ),
        // Refused before its body is read; that is passed over.
        (
            415,
            format!(
                "POST /api/auth/login HTTP/1.1\r\nhost: x\r\nx-request-id: 5\r\n{chunked}\
                 19\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n0\r\n\r\n"
            ),
        ),
        // Longer than what is read at once.
        (
            422,
            posted(6, &format!("content-length: {}\r\n\r\n{long}", long.len())),
        ),
        (
            404,
            "GET /api/none HTTP/1.1\r\nhost: x\r\nx-request-id: 7\r\nconnection: close\r\n\r\n"
                .to_owned(),
        ),
    ];
    let asked = texts.into_iter();
    asked.map(|(status, text)| Asked { status, text }).collect()
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_one_after_the_other() {
    let platform = Platform::start().await;
    for cut in [usize::MAX, 1000, 7, 1] {
        let asked = requests(&platform.person().await);
        let sent: String = asked.iter().map(|asked| asked.text.as_str()).collect();
        let answers = answers_to(platform.base_url(), sent.as_bytes(), cut).await;
        let numbers = 1..;
        let expected: Vec<_> = asked
            .iter()
            .map(|asked| asked.status)
            .zip(numbers)
            .collect();
        assert_eq!(told(&answers), expected, "in pieces of {cut}");
    }
}

#[tokio::test]
async fn what_comes_after_a_refusal_ends() {
    let platform = Platform::start().await;
    let head = "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let piece = "a".repeat(0x10000);
    for (begin, more) in [
        ("", format!("10000\r\n{piece}\r\n")),
        ("1;", piece.clone()),
        ("0\r\nx: ", piece.clone()),
    ] {
        let mut stream = connect(platform.base_url()).await;
        let first = format!("{head}{begin}");
        stream.write_all(first.as_bytes()).await.expect("sent");
        let mut sent = 0;
        while sent < 64 << 20 && stream.write_all(more.as_bytes()).await.is_ok() {
            sent += more.len();
        }
        assert!(sent < 64 << 20, "{begin:?} has no end");
    }
}

#[tokio::test]
async fn the_rest_of_a_refused_body_has_to_come_in_time() {
    let platform = Platform::start().await;
    let sent = "POST /api/none HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n";
    let answers = answers_to(platform.base_url(), sent.as_bytes(), usize::MAX).await;
    assert!(answers.starts_with("HTTP/1.1 404"), "{answers}");
}

#[tokio::test]
async fn a_later_head_has_to_come_in_time_too() {
    let platform = Platform::start().await;
    let sent = "GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n\r\n\r\nGET / HTT";
    let answers = answers_to(platform.base_url(), sent.as_bytes(), usize::MAX).await;
    let answers: Vec<_> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0].starts_with("200"), "{answers:?}");
    assert!(answers[1].starts_with("408"), "{answers:?}");
}

/// The status and the number of each answer.
fn told(answers: &str) -> Vec<(u16, u32)> {
    let number = |text: &str| text.split_whitespace().next()?.parse().ok();
    let each = answers.split("HTTP/1.1 ").skip(1);
    each.map(|answer| {
        let status = answer.get(..3).and_then(|text| text.parse().ok());
        let id = answer.split("x-request-id: ").nth(1).and_then(number);
        (status.expect("a status"), id.expect("a number"))
    })
    .collect()
}

/// Whatever comes until the connection is closed.
async fn answers_to(base_url: &str, sent: &[u8], cut: usize) -> String {
    let stream = connect(base_url).await;
    let (mut reading, mut writing) = stream.into_split();
    let mut answers = Vec::new();
    let write = async {
        for piece in sent.chunks(cut) {
            writing.write_all(piece).await.expect("sent");
            tokio::task::yield_now().await;
        }
    };
    let ((), read) = tokio::join!(write, reading.read_to_end(&mut answers));
    read.expect("answers");
    String::from_utf8_lossy(&answers).into_owned()
}

async fn connect(base_url: &str) -> TcpStream {
    let address = base_url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("pieces as they are");
    stream
}
