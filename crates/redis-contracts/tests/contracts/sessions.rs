//! The values of keys.

use std::time::Duration;

use redis_contracts::{
    Timestamp, Value,
    keys::{MachineAccess, SESSION, SessionRecord},
    resource::User,
    script::{PUT_SESSION, put_session},
};
use uuid::{Uuid, uuid};

const SESSION_ID: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000001");
const USER_ID: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000002");

const COPY: &str = concat!(
    r#"{"version":3,"user":{"id":"018f2b6e-0000-7000-8000-000000000002","email":"reader@example.com","#,
    r#""handle":"reader","roles":["user"],"email_verified":false,"second_factor":false,"#,
    r#""created_at":"2026-01-01T00:00:00.000Z"},"created_at":"2026-01-02T00:00:00.000Z","#,
    r#""expires_at":"2026-01-02T01:00:00.000Z","last_seen":"2026-01-02T00:00:00.000Z","#,
    r#""ended_at":null,"agent":"curl/8","address":"127.0.0.1","machine":null}"#,
);

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn record() -> SessionRecord {
    SessionRecord {
        version: 3,
        user: User {
            id: USER_ID,
            email: "reader@example.com".to_owned(),
            handle: "reader".to_owned(),
            roles: vec!["user".to_owned()],
            email_verified: false,
            pending_email: None,
            second_factor: false,
            created_at: time("2026-01-01T00:00:00Z"),
        },
        created_at: time("2026-01-02T00:00:00Z"),
        expires_at: time("2026-01-02T01:00:00Z"),
        last_seen: time("2026-01-02T00:00:00Z"),
        ended_at: None,
        agent: "curl/8".to_owned(),
        address: "127.0.0.1".to_owned(),
        machine: None,
    }
}

#[test]
fn the_hot_copy_is_exact_and_comes_back() {
    assert_eq!(record().encode(), COPY.as_bytes());
    assert_eq!(SessionRecord::decode(COPY.as_bytes()), Ok(record()));
    assert_eq!(SESSION.ttl(), Some(Duration::from_secs(3600)));
}

#[test]
fn a_broken_copy_is_an_error() {
    for broken in [&b""[..], b"null", b"{}", b"\xff", &COPY.as_bytes()[..40]] {
        assert!(SessionRecord::decode(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn put_session_gets_what_its_head_documents() {
    let mut record = record();
    let call = put_session(SESSION_ID, &record, Duration::from_millis(1500));
    assert!(std::ptr::eq(call.script, &PUT_SESSION));
    assert_eq!(
        call.keys,
        [
            format!("session:{SESSION_ID}"),
            format!("user_sessions:{USER_ID}")
        ]
    );
    let texts = |args: &[Vec<u8>]| -> Vec<String> {
        let text = |arg: &Vec<u8>| String::from_utf8_lossy(arg).into_owned();
        args.iter().map(text).collect()
    };
    let args = texts(&call.args);
    assert_eq!(args[..4], ["3", COPY, "1500", &SESSION_ID.to_string()]);
    let listed_until = record.expires_at.unix_ms().to_string();
    assert_eq!([&args[4], &args[6]], [&*listed_until, "0"]);

    record.machine = Some(MachineAccess {
        sha256: String::new(),
        scopes: Vec::new(),
    });
    let args = texts(&put_session(SESSION_ID, &record, Duration::ZERO).args);
    assert_eq!(
        [&args[2], &args[4], &args[6]],
        ["1", "0", "0"],
        "no TTL of 0, and a machine token is not among the sessions"
    );

    record.machine = None;
    record.ended_at = Some(record.last_seen);
    let args = texts(&put_session(SESSION_ID, &record, Duration::ZERO).args);
    assert_eq!([&args[4], &args[6]], ["0", "1"], "what has ended neither");
}
