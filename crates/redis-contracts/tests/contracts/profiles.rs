//! What is stored of a person for the mentor: as 0.1.0 wrote it, it is read; what cannot be read is an error.

use std::collections::BTreeMap;

use redis_contracts::{DecodeError, FieldsValue, MentorMemory, Position, ProfileRecord, Timestamp};
use uuid::Uuid;

const STYLE: &str = concat!(
    r#"{"form":{"example":0.333333,"explanation":0.333333,"steps":0.333333},"#,
    r#""tone":{"direct":0.950000,"supportive":0.050000},"verbosity":{"concise":0.500000,"detailed":0.500000}}"#
);

fn fields(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = of
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn profile() -> BTreeMap<String, String> {
    fields(&[
        ("version", "2"),
        ("feedback_count", "2"),
        ("rating_sum", "9"),
        ("updated_at", "1772700000000"),
        ("style", STYLE),
        ("n.tone.direct", "2"),
        ("s.tone.direct", "9"),
        ("replies", "3"),
        ("interactions.asked", "3"),
        ("floor.user:feedback", "1772700000000-1"),
    ])
}

fn memory() -> BTreeMap<String, String> {
    let seen = format!("seen:{}", Uuid::from_u128(1));
    fields(&[
        ("profile_version", "2"),
        ("conversation_bytes", "900"),
        ("answers", "20517 300"),
        (&seen, "1772700000000-0"),
    ])
}

/// That each of these stands where it should not is an error, which says where and not what.
fn refused<T: FieldsValue + std::fmt::Debug>(
    good: &BTreeMap<String, String>,
    junk: &[(&str, &str)],
) {
    for (field, value) in junk {
        let mut broken = good.clone();
        broken.insert((*field).to_owned(), (*value).to_owned());
        let DecodeError(reason) = T::from_fields(&broken).expect_err(field);
        let name = field.split(':').next().unwrap_or(field);
        assert!(reason.contains(name) && !reason.contains(value), "{reason}");
    }
}

#[test]
fn a_profile_is_read_as_it_was_written_and_not_with_a_field_that_cannot_be_read() {
    let read = ProfileRecord::from_fields(&profile()).expect("a profile");
    assert_eq!((read.version, read.average_rating()), (2, Some(4.5)));
    assert_eq!(
        read.updated_at,
        Some(Timestamp::from_unix_ms(1_772_700_000_000))
    );
    assert_eq!(read.style["tone"]["direct"], 0.95);
    let junk = [
        ("version", "nan"),
        ("feedback_count", "-7"),
        ("rating_sum", "many"),
        ("updated_at", "yesterday"),
        ("style", "secret"),
        ("style", r#"{"tone":"secret"}"#),
        ("style", r#"{"tone":{"direct":1.5}}"#),
    ];
    refused::<ProfileRecord>(&profile(), &junk);
    let mut half = profile();
    half.remove("rating_sum");
    assert!(ProfileRecord::from_fields(&half).is_err());
}

#[test]
fn a_profile_without_ratings_is_as_before_any() {
    let counted = fields(&[
        ("interactions.asked", "1"),
        ("floor.user:interactions", "5-0"),
    ]);
    assert_eq!(
        ProfileRecord::from_fields(&counted),
        Ok(ProfileRecord::prior())
    );
}

#[test]
fn a_memory_is_read_as_it_was_written_and_not_with_a_field_that_cannot_be_read() {
    let read = MentorMemory::from_fields(&memory()).expect("a memory");
    assert_eq!(read.profile_version, 2);
    let seen = BTreeMap::from([(Uuid::from_u128(1), Position::new(1_772_700_000_000, 0))]);
    assert_eq!(read.seen, seen);
    let project = format!("seen:{}", Uuid::from_u128(1));
    let junk = [
        ("profile_version", "nan"),
        (&*project, "yesterday"),
        ("seen:it", "5-0"),
    ];
    refused::<MentorMemory>(&memory(), &junk);
}
