//! Attacks by connections and bodies of strangers.

use std::time::Duration;

use test_kit::Platform;

use crate::{Abuse, Raw, attack};

const ATTACKER: [u8; 4] = [127, 0, 0, 3];

/// Longest wait for an attack to be at its height.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn idle_connections_of_one_address() {
    let abuse = Abuse::begin("idle_connections_of_one_address").await;
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let open = attack(move || async move {
        let mut connections = Vec::new();
        for _ in 0..1500 {
            // One whose backlog is full waits; that is its own time.
            let connecting = Raw::connect(&base_url, ATTACKER);
            match tokio::time::timeout(Duration::from_secs(1), connecting).await {
                Ok(Ok(connection)) => connections.push(connection),
                _ => continue,
            }
        }
        tokio::time::sleep(lasts).await;
        // Another of the same address still gets in.
        let mut another = Raw::connect(&base_url, ATTACKER)
            .await
            .expect("a connection");
        another
            .send(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        let head = another.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut open = 0;
        for connection in &mut connections {
            let closed = connection.is_closed_within(Duration::from_millis(1)).await;
            open += usize::from(!closed);
        }
        open
    })
    .await;
    assert!((200..=256).contains(&open), "{open} stay open");
    abuse.end("1,500 connections").await;
}

#[tokio::test]
async fn bodies_of_strangers_that_never_end() {
    let mut abuse = Abuse::begin("bodies_of_strangers_that_never_end").await;
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        for number in 0..200u16 {
            let [high, low] = number.to_be_bytes();
            let from = [127, 1, high, low.max(1)];
            let mut connection = Raw::connect(&base_url, from).await.expect("a connection");
            let length = if number % 2 == 0 { 16_000 } else { 1_000_000 };
            connection.send(login(length).as_bytes()).await;
            // The larger ones are refused, and closed, before they are read.
            let rest = vec![b' '; length - 100];
            let sending = tokio::time::timeout(Duration::from_millis(100), connection.send(&rest));
            let _ = sending.await;
            connections.push(connection);
        }
        tokio::time::sleep(lasts).await;
    });
    let watch = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        abuse.resident("ui-gateway")
    };
    let ((), during) = tokio::join!(attack, watch);
    let grown = during.saturating_sub(before);
    assert!(grown < 48 << 20, "the gateway has grown by {grown} bytes");
    abuse.end("200 connections, 100 MB").await;
}

#[tokio::test]
async fn busy_connections_of_many_addresses() {
    // It has room for 1,536 connections.
    let platform = Platform::builder().open_files(2048);
    let abuse = Abuse::begin_on("busy_connections_of_many_addresses", platform).await;
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        for number in 0..1750u16 {
            let [_, address] = (number % 7 + 1).to_be_bytes();
            let connecting = Raw::connect(&base_url, [127, 2, 0, address]);
            let connecting = tokio::time::timeout(Duration::from_secs(1), connecting).await;
            let Ok(Ok(mut connection)) = connecting else {
                continue;
            };
            // Half of them say that they are somebody.
            let credential = if number % 2 == 0 {
                "authorization: Bearer x\r\n"
            } else {
                ""
            };
            let head = login(100).replacen("\r\n\r\n", &format!("\r\n{credential}\r\n{{"), 1);
            connection.send(head.as_bytes()).await;
            connections.push(connection);
        }
        tokio::time::sleep(lasts).await;
    });
    let watch = async {
        test_kit::eventually("all places are taken", PATIENCE, async || {
            let (open, made_room) = (abuse.connections().await, abuse.made_room().await);
            // Where the bystander got a place of theirs and has left it, one is free.
            match open >= 1536 - 16 && made_room > 0 {
                true => Ok(()),
                false => Err(format!("{open} open, {made_room} made room")),
            }
        })
        .await;
    };
    tokio::join!(attack, watch);
    abuse.end("7 addresses, 1,750 bodies that never end").await;
}

#[tokio::test]
async fn heads_that_never_end() {
    let mut abuse = Abuse::begin("heads_that_never_end").await;
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let began = std::time::Instant::now();
        let head = format!(
            "GET /api/health HTTP/1.1\r\nHost: x\r\nx-a: {}",
            "a".repeat(100_000)
        );
        let (mut all, mut closed) = (0, 0);
        while all == 0 || began.elapsed() < lasts {
            let mut connections = Vec::new();
            for number in 0..2000_u16 {
                let [_, address] = (number % 8 + 1).to_be_bytes();
                let connecting = Raw::connect(&base_url, [127, 3, 0, address]);
                let mut connection = connecting.await.expect("a connection");
                let sending = connection.send(head.as_bytes());
                let _ = tokio::time::timeout(Duration::from_millis(100), sending).await;
                connections.push(connection);
            }
            for connection in &mut connections {
                let is_closed = connection
                    .is_closed_within(Duration::from_millis(100))
                    .await;
                closed += usize::from(is_closed);
            }
            all += connections.len();
        }
        (closed, all)
    });
    let watch = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        abuse.resident("ui-gateway")
    };
    let ((closed, all), during) = tokio::join!(attack, watch);
    assert_eq!(closed, all, "each is closed");
    for now in [during, abuse.resident("ui-gateway")] {
        let grown = now.saturating_sub(before);
        assert!(grown < 48 << 20, "the gateway has grown by {grown} bytes");
    }
    abuse.end("2,000 connections, heads of 100 kB").await;
}

#[tokio::test]
async fn large_bodies_of_many_accounts() {
    let mut abuse = Abuse::begin("large_bodies_of_many_accounts").await;
    let mut people = Vec::new();
    for _ in 0..34 {
        people.push(abuse.platform.person().await.token);
    }
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        // All that there is room for, but for the last bytes of each.
        for token in &people {
            for _ in 0..4 {
                let mut connection = Raw::connect(&base_url, [127, 4, 0, 1])
                    .await
                    .expect("a connection");
                let head = format!(
                    "POST /api/projects HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n\
                     authorization: Bearer {token}\r\ncontent-length: 1048576\r\n\r\n"
                );
                connection.send(head.as_bytes()).await;
                let sending = async { connection.send(&vec![b' '; 1_040_000]).await };
                let _ = tokio::time::timeout(Duration::from_secs(5), sending).await;
                connections.push(connection);
            }
        }
        tokio::time::sleep(lasts).await;
    });
    attack.await;
    let grown = abuse.resident("ui-gateway").saturating_sub(before);
    assert!(grown < 192 << 20, "the gateway has grown by {grown} bytes");
    assert!(abuse.made_room().await > 0, "nothing gave way");
    abuse.end("34 accounts, 136 bodies of 1 MB").await;
}

fn login(length: usize) -> String {
    format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_of_a_stranger_has_sixteen_kib_at_most() {
    let platform = Platform::start().await;
    for (length, status) in [(16_384, "400"), (16_385, "413")] {
        let connecting = Raw::connect(platform.base_url(), ATTACKER);
        let mut raw = connecting.await.expect("a connection");
        raw.send(login(length).as_bytes()).await;
        raw.send(&vec![b' '; length]).await;
        let head = raw.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
}

#[tokio::test]
async fn answers_that_nobody_reads() {
    let mut abuse = Abuse::begin("answers_that_nobody_reads").await;
    let before = abuse.open_files("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        for _ in 0..600 {
            let connecting = Raw::connect(&base_url, ATTACKER);
            let mut connection = connecting.await.expect("a connection");
            let ask = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
            connection.send(&ask.repeat(4)).await;
            connections.push(connection);
        }
        tokio::time::sleep(lasts).await;
    });
    let watch = async {
        tokio::time::sleep(lasts).await;
        abuse.open_files("ui-gateway")
    };
    let ((), during) = tokio::join!(attack, watch);
    let held = during.saturating_sub(before);
    assert!(held <= 256 + 32, "{held} stay open");
    abuse.end("600 connections, 2,400 requests").await;
}

#[tokio::test]
async fn requests_before_answers_that_nobody_reads() {
    let mut abuse = Abuse::begin("requests_before_answers_that_nobody_reads").await;
    let before = abuse.resident("ui-gateway");
    abuse.strike();
    let (base_url, lasts) = (abuse.platform.base_url().to_owned(), abuse.lasts());
    let attack = attack(move || async move {
        let mut connections = Vec::new();
        for number in 0..800_u16 {
            let [_, address] = (number % 4 + 1).to_be_bytes();
            let connecting = Raw::connect(&base_url, [127, 6, 0, address]);
            let mut connection = connecting.await.expect("a connection");
            let ask = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
            let sending = connection.send(&ask);
            let _ = tokio::time::timeout(Duration::from_millis(100), sending).await;
            connections.push(connection);
        }
        tokio::time::sleep(lasts).await;
    });
    attack.await;
    let grown = abuse.resident("ui-gateway").saturating_sub(before);
    assert!(grown < 64 << 20, "the gateway has grown by {grown} bytes");
    abuse.end("800 connections, 800,000 requests").await;
}

#[tokio::test]
async fn an_upload_that_drips() {
    let abuse = Abuse::begin("an_upload_that_drips").await;
    let person = abuse.platform.person().await;
    let project = person.create_project("DRIP").await;
    abuse.strike();
    let base_url = abuse.platform.base_url().to_owned();
    let path = format!(
        "/api/projects/{}/import",
        project["id"].as_str().expect("an id")
    );
    let answers = attack(move || async move {
        let head = |path: &str, length: usize| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\n\
                 authorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n{{",
                person.token
            )
        };
        let mut drips = Vec::new();
        for (path, length) in [(path.as_str(), 60_000_000), ("/api/projects", 100_000)] {
            let mut drip = Raw::connect(&base_url, ATTACKER)
                .await
                .expect("a connection");
            drip.send(head(path, length).as_bytes()).await;
            drips.push(drip);
        }
        for _ in 0..24 {
            for drip in &mut drips {
                drip.send(b" ").await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let mut answers = Vec::new();
        for drip in &mut drips {
            answers.push(drip.head().await);
        }
        answers
    })
    .await;
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    abuse.end("2 connections").await;
}
