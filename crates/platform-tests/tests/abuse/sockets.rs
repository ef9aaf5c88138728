//! Attacks by sockets.

use std::time::Duration;

use serde_json::{Value, json};
use test_kit::{Live, Lost, Person};

use crate::{Abuse, Raw, attack};

const ATTACKER: [u8; 4] = [127, 0, 0, 2];

/// A project with a history of so many events of six kilobytes.
pub(crate) async fn long_history(person: &Person, key: &str, events: usize) -> String {
    let project = person.create_project(key).await;
    let issue = |number: usize| {
        json!({
            "number": number,
            "id": format!("I{number}"),
            "title": format!("Issue {number}"),
            "url": format!("https://example.com/o/r/issues/{number}"),
            "state": "OPEN",
            "author": "somebody",
            "authorAssociation": "NONE",
            "assignees": [],
            "labels": [],
            "comments": [],
            "closedAt": null,
            "body": "x".repeat(6000),
            "createdAt": "2019-01-01T10:00:00Z",
            "updatedAt": "2019-01-02T10:00:00Z",
        })
    };
    let archive = json!({
        "magic": "E!vIA5L86J2I",
        "timestamp": "2020-01-01T00:00:00Z",
        "repo": "o/r",
        "labels": [],
        "issues": (1..=events).map(issue).collect::<Vec<_>>(),
    });
    let path = format!(
        "/api/projects/{}/import",
        project["id"].as_str().expect("an id")
    );
    person.post(&path, archive).await.expect(200);
    format!("project:{}", project["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn sockets_that_do_not_read() {
    let abuse = Abuse::begin("sockets_that_do_not_read").await;
    let person = abuse.platform.person().await;
    let mut topics = Vec::new();
    for number in 0..18 {
        topics.push(long_history(&person, &format!("H{number}"), 300).await);
    }
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    attack(move || async move {
        let mut sockets = Vec::new();
        for _ in 0..6 {
            let (mut socket, head) = Raw::socket(&base_url, ATTACKER, &person.token).await;
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
            // As many at once as are taken up.
            for topics in topics.chunks(9) {
                for topic in topics {
                    let subscribe = json!({"type": "subscribe", "topic": topic, "after": "0-0"});
                    socket.text(&subscribe.to_string()).await;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            sockets.push(socket);
        }
        tokio::time::sleep(lasts).await;
    })
    .await;
    abuse.end("6 sockets, 108 subscriptions").await;
}

#[tokio::test]
async fn replays_that_nobody_reads() {
    let mut abuse = Abuse::begin("replays_that_nobody_reads").await;
    let mut readers = Vec::new();
    for _ in 0..2 {
        let person = abuse.platform.person().await;
        let mut topics = Vec::new();
        for key in ["ONE", "TWO"] {
            topics.push(long_history(&person, key, 600).await);
        }
        readers.push((person.token, topics));
    }
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut sockets = Vec::new();
        for (token, topics) in &readers {
            for _ in 0..50 {
                let (mut socket, head) = Raw::socket(&base_url, ATTACKER, token).await;
                assert!(head.starts_with("HTTP/1.1 101"), "{head}");
                for topic in topics {
                    let subscribe = json!({"type": "subscribe", "topic": topic, "after": "0-0"});
                    socket.text(&subscribe.to_string()).await;
                }
                sockets.push(socket);
            }
        }
        tokio::time::sleep(lasts).await;
    });
    attack.await;
    let grown = abuse.resident("ui-gateway").saturating_sub(before);
    assert!(grown < 96 << 20, "the gateway has grown by {grown} bytes");
    abuse.end("2 accounts, 100 sockets, 200 replays").await;
}

#[tokio::test]
async fn frames_of_two_gigabytes() {
    let mut abuse = Abuse::begin("frames_of_two_gigabytes").await;
    let person = abuse.platform.person().await;
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let all_closed = attack(move || async move {
        let (began, mut all_closed) = (std::time::Instant::now(), true);
        // Text, continuation, ping; each claims 2 GiB.
        for opcode in [0x81, 0x80, 0x89].into_iter().cycle() {
            if began.elapsed() > lasts {
                break;
            }
            let (mut socket, _) = Raw::socket(&base_url, ATTACKER, &person.token).await;
            let header = [opcode, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
            socket.send(&header).await;
            let piece = vec![0; 1 << 20];
            let flood = async {
                for _ in 0..200 {
                    socket.send(&piece).await;
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(2), flood).await;
            all_closed &= socket.is_closed_within(Duration::from_secs(5)).await;
        }
        all_closed
    })
    .await;
    assert!(all_closed, "the socket is closed");
    let grown = abuse.resident("ui-gateway").saturating_sub(before);
    assert!(grown < 32 << 20, "the gateway has grown by {grown} bytes");
    abuse.end("1 socket after the other, 200 MB on each").await;
}

#[tokio::test]
async fn sockets_and_messages_without_end() {
    let abuse = Abuse::begin("sockets_and_messages_without_end").await;
    let person = abuse.platform.person().await;
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let (opened, closed_with) = attack(move || async move {
        let (mut sockets, mut refused) = (Vec::new(), Vec::new());
        for _ in 0..70 {
            match Live::connect(&base_url, &person.token).await {
                Ok(live) => sockets.push(live),
                Err(error) => refused.push(error.to_string()),
            }
        }
        assert!(
            refused.iter().all(|error| error.contains("429")),
            "{refused:?}"
        );
        let opened = sockets.len();
        let began = std::time::Instant::now();
        let mut closed_with = Vec::new();
        while began.elapsed() < lasts {
            let mut live = match sockets.pop() {
                Some(live) => live,
                None => Live::connect(&base_url, &person.token)
                    .await
                    .expect("a socket"),
            };
            for _ in 0..60 {
                live.send(r#"{"type":"ping"}"#).await;
            }
            closed_with.push(code(&mut live).await);
        }
        (opened, closed_with)
    })
    .await;
    assert_eq!(opened, 50);
    assert!(
        closed_with.iter().all(|code| *code == Some(4429)),
        "{closed_with:?}"
    );
    abuse
        .end("50 sockets, 60 messages at once on one after the other")
        .await;
}

#[tokio::test]
async fn subscriptions_without_end() {
    let abuse = Abuse::begin("subscriptions_without_end").await;
    let person = abuse.platform.person().await;
    let topic = long_history(&person, "LONG", 300).await;
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let refused = attack(move || async move {
        let subscribe: Value = json!({"type": "subscribe", "topic": topic, "after": "0-0"});
        let mut sockets = Vec::new();
        for _ in 0..40 {
            sockets.push(
                Live::connect(&base_url, &person.token)
                    .await
                    .expect("a socket"),
            );
        }
        let (began, mut refused) = (std::time::Instant::now(), 0);
        while began.elapsed() < lasts {
            for live in &mut sockets {
                for _ in 0..15 {
                    live.send(&subscribe.to_string()).await;
                }
            }
            for live in &mut sockets {
                loop {
                    match live.next_within(Duration::from_millis(5)).await {
                        Ok(frame) => refused += usize::from(frame["code"] == "rate_limited"),
                        Err(Lost::Silent) => break,
                        Err(_) => {
                            let again = Live::connect(&base_url, &person.token).await;
                            *live = again.expect("a socket");
                            break;
                        }
                    }
                }
            }
        }
        refused
    })
    .await;
    assert!(refused > 0, "the eleventh at once is refused");
    abuse.end("40 sockets, 600 subscriptions a round").await;
}

async fn code(live: &mut Live) -> Option<u16> {
    loop {
        match live.next().await {
            Ok(_) => {}
            Err(Lost::Closed { code, .. }) => return Some(code),
            Err(_) => return None,
        }
    }
}
