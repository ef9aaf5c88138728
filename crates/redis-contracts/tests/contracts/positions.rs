//! Positions: what they look like, and that they only grow.

use proptest::prelude::*;
use redis_contracts::{Position, Value};

fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u64>()).prop_map(|(unix_ms, sequence)| Position::new(unix_ms, sequence))
}

proptest! {
    #[test]
    fn text_and_bytes_come_back(position in position()) {
        let text = position.to_string();
        prop_assert_eq!(text.parse(), Ok(position));
        prop_assert_eq!(&position.encode(), text.as_bytes());
        prop_assert_eq!(Position::decode(text.as_bytes()), Ok(position));
        let json = serde_json::to_string(&position).expect("JSON");
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Position>(&json).expect("a position"), position);
    }

    #[test]
    fn packing_keeps_the_order(a in 0u64..1 << 42, b in 0u64..1 << 42, m in 0u64..1 << 20, n in 0u64..1 << 20) {
        let (a, b) = (Position::new(a, m), Position::new(b, n));
        prop_assert_eq!(Position::from_packed(a.packed()), a);
        prop_assert_eq!(a.packed().cmp(&b.packed()), a.cmp(&b));
    }

    #[test]
    fn packed_positions_grow_whatever_the_clock_does(clock in prop::collection::vec(0u64..5, 1..500)) {
        let mut last = Position::new(2, (1 << 20) - 3);
        for now_ms in clock {
            let next = last.next_packable(now_ms);
            prop_assert!(next > last && next.packed() > last.packed());
            last = next;
        }
    }

    #[test]
    fn order_is_that_of_the_numbers(one in position(), other in position()) {
        let numbers = |position: Position| (position.unix_ms, position.sequence);
        prop_assert_eq!(one.cmp(&other), numbers(one).cmp(&numbers(other)));
    }

    #[test]
    fn the_next_one_is_greater_whatever_the_clock_says(
        clock in prop::collection::vec(0..1u64 << 48, 1..100)
    ) {
        let mut last = Position::START;
        for now_ms in clock {
            let next = last.next(now_ms);
            prop_assert!(next > last, "{} after {} at {}", next, last, now_ms);
            prop_assert!(next.unix_ms >= now_ms);
            last = next;
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<Position>();
    }
}

#[test]
fn the_largest_is_what_redis_takes() {
    let largest = "18446744073709551615-18446744073709551615";
    assert_eq!(largest.parse(), Ok(Position::new(u64::MAX, u64::MAX)));
}

#[test]
fn junk_is_refused() {
    let junk = [
        "",
        "-",
        "+-0",
        "+1-0",
        "1-+0",
        "1",
        "1-",
        "-1",
        " 1-0",
        "1-0 ",
        "1 -0",
        "1-0-0",
        "1--0",
        "0x1-0",
        "1.0-0",
        "a-b",
        "$",
        "*",
        "1-*",
        "١-٠",
        "1-0\n",
        "18446744073709551616-0",
        "0-18446744073709551616",
    ];
    for text in junk {
        assert!(text.parse::<Position>().is_err(), "{text:?}");
        assert!(Position::decode(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(Position::decode(b"\xff-0").is_err());
}
