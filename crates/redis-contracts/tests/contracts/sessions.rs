//! The values of keys.

use std::time::Duration;

use proptest::prelude::*;
use redis_contracts::{
    COPY_GOOD_FOR, HotCopy, SignedCopy, Timestamp, Value,
    keys::{Rank, SESSION, SessionRecord},
    resource::User,
    script::{PUT_SESSION, put_session},
};
use uuid::{Uuid, uuid};

const SESSION_ID: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000001");
const USER_ID: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000002");

const COPY: &str = concat!(
    r#"{"kid":"a key","good_until":"2026-01-02T01:00:00.000Z","session":{"version":3,"user":{"id":"018f2b6e-0000-7000-8000-000000000002","email":"reader@example.com","pending_email":null,"#,
    r#""handle":"reader","roles":["user"],"email_verified":false,"second_factor":false,"#,
    r#""created_at":"2026-01-01T00:00:00.000Z"},"created_at":"2026-01-02T00:00:00.000Z","#,
    r#""expires_at":"2026-01-02T01:00:00.000Z","last_seen":"2026-01-02T00:00:00.000Z","#,
    r#""ended_at":null,"agent":"curl/8","address":"127.0.0.1","machine":null}}"#,
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

fn copy() -> HotCopy {
    HotCopy {
        kid: "a key".to_owned(),
        good_until: time("2026-01-02T01:00:00Z"),
        session: record(),
    }
}

fn signed() -> SignedCopy {
    SignedCopy {
        signature: "s".repeat(86),
        payload: COPY.as_bytes().to_vec(),
    }
}

#[test]
fn the_hot_copy_is_exact_and_comes_back() {
    assert_eq!(String::from_utf8_lossy(&copy().encode()), COPY);
    assert_eq!(HotCopy::decode(COPY.as_bytes()), Ok(copy()));
    let stands = format!("{}.{COPY}", "s".repeat(86));
    assert_eq!(signed().encode(), stands.as_bytes());
    assert_eq!(SignedCopy::decode(stands.as_bytes()), Ok(signed()));
}

#[test]
fn a_copy_goes_before_it_is_good_no_more() {
    assert_eq!(COPY_GOOD_FOR, Duration::from_secs(3600));
    assert_eq!(SESSION.ttl(), Some(Duration::from_secs(3540)));
}

#[test]
fn what_is_signed_is_exact_and_can_be_no_token() {
    let input = SignedCopy::input("session:1", b"{}");
    assert_eq!(input, b"devmentor session copy 1\0session:1\0{}");
    let of_a_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    assert!(!input.iter().all(of_a_token));
}

#[test]
fn a_broken_copy_is_an_error() {
    for broken in [&b""[..], b"null", b"{}", b"\xff", &COPY.as_bytes()[..40]] {
        assert!(HotCopy::decode(broken).is_err(), "{broken:?}");
    }
    let good = signed().encode();
    for broken in [&b""[..], b".", COPY.as_bytes(), &good[1..], &good[..86]] {
        assert!(SignedCopy::decode(broken).is_err(), "{broken:?}");
    }
    let not_text = [&[0xff; 86], &good[86..]].concat();
    assert!(SignedCopy::decode(&not_text).is_err());
}

#[test]
fn what_has_ended_counts_more_than_any_version() {
    let rank = |ended, version| Rank { ended, version };
    let ranks = [(false, 0), (false, u64::MAX), (true, 0), (true, 1)];
    assert!(
        ranks
            .map(|(ended, version)| rank(ended, version))
            .is_sorted()
    );
    let mut record = record();
    assert_eq!(record.rank(), rank(false, 3));
    record.ended_at = Some(record.last_seen);
    assert_eq!(record.rank(), rank(true, 3));
}

#[test]
fn put_session_gets_what_its_head_documents() {
    let mut record = record();
    let put = |record: &SessionRecord, ttl, forged: &[u8]| {
        let call = put_session(SESSION_ID, &signed(), record.rank(), ttl, forged);
        assert!(std::ptr::eq(call.script, &PUT_SESSION));
        assert_eq!(call.keys, [format!("session:{SESSION_ID}")]);
        call.args
    };
    let stands = signed().encode();
    let args = put(&record, Duration::from_millis(1500), b"");
    assert_eq!(args, [&b"3"[..], &stands, b"1500", b"0", b""]);
    record.ended_at = Some(record.last_seen);
    let args = put(&record, Duration::ZERO, b"forged\xff");
    assert_eq!(args, [&b"3"[..], &stands, b"1", b"1", b"forged\xff"]);
    let longest = &put(&record, Duration::MAX, b"")[2];
    assert_eq!(longest, b"3540000");
}

fn key() -> impl Strategy<Value = String> {
    any::<u128>().prop_map(|id| SESSION.key(Uuid::from_u128(id)).name().to_owned())
}

proptest! {
    #[test]
    fn two_copies_are_signed_alike_only_when_they_are_the_same(
        (one, other) in (key(), key()),
        (first, second) in (any::<Vec<u8>>(), any::<Vec<u8>>()),
    ) {
        let same = one == other && first == second;
        let inputs = [SignedCopy::input(&one, &first), SignedCopy::input(&other, &second)];
        prop_assert_eq!(inputs[0] == inputs[1], same);
        // Where one ends and the other begins is no matter of choice.
        let shifted = [&one.as_bytes()[one.len() - 1..], b"\0", &first].concat();
        prop_assert_ne!(SignedCopy::input(&one[..one.len() - 1], &shifted), SignedCopy::input(&one, &first));
    }

    #[test]
    fn any_copy_comes_back_and_any_bytes_are_read_or_refused(
        signature in "[A-Za-z0-9_-]{86}", payload in any::<Vec<u8>>(), junk in any::<Vec<u8>>(),
    ) {
        let copy = SignedCopy { signature, payload };
        prop_assert_eq!(SignedCopy::decode(&copy.encode()), Ok(copy));
        if let Ok(copy) = SignedCopy::decode(&junk) {
            prop_assert_eq!(copy.encode(), junk);
        }
    }
}
