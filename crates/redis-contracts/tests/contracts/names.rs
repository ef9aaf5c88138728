//! Every name in Redis, byte by byte. A declaration without a row here is a failure.

use std::collections::BTreeSet;

use redis_contracts::{
    ADAPTATIONS, AI_EVENTS, APPLIED, AUTH_EVENTS, CONSUMED, CONVERSATION, CONVERSATIONS,
    DEAD_LETTER_INDEX, DEAD_LETTERS, DELIVERED, EVENT_FIELD, FEEDBACK, IDEMPOTENCY, INTERACTIONS,
    Instance, Kind, LIVE_AI, LIVE_PROJECTS, MEMORY, MODEL_UPDATES, PROFILE, PROJECT_TIMELINE,
    PROJECTS, REPLY, SEEN, STREAMS, USER_TIMELINE, catalog,
    keys::{
        LOCKED, LOGIN_FAILURES, OUTBOX, OUTBOX_PRODUCER_PROJECTS, RATE_LIMIT, SESSION, SHARE,
        SIGNING_KEYS, SYSTEM_HEALTH,
    },
    reference_markdown,
};
use uuid::{Uuid, uuid};

use Instance::{Cache, Streams};

const ID: Uuid = uuid!("018f2b6e-5b1c-7a3d-9e4f-0123456789ab");

/// Instance, pattern, the name for sample arguments, type and lifetime.
fn rows() -> Vec<(Instance, &'static str, String, &'static str)> {
    let name = |name: &str| name.to_owned();
    vec![
        (
            Cache,
            "session:{id}",
            name(SESSION.key(ID).name()),
            "string, TTL 3540 s",
        ),
        (
            Cache,
            "rate_limit:{policy}:{subject}",
            name(RATE_LIMIT.key(("api", "u-1".to_owned())).name()),
            "string, TTL of its window",
        ),
        (
            Cache,
            "share:{share}:{user}",
            name(SHARE.key(("stream_bytes", "u-1".to_owned())).name()),
            "hash, TTL of its window",
        ),
        (
            Cache,
            "login_failures:{sha256 email}:{origin}",
            name(
                LOGIN_FAILURES
                    .key(("00ff".to_owned(), "n-1".to_owned()))
                    .name(),
            ),
            "string, TTL 900 s",
        ),
        (
            Cache,
            "locked:{sha256 email}:{origin}",
            name(LOCKED.key(("00ff".to_owned(), "n-1".to_owned())).name()),
            "string, TTL 900 s",
        ),
        (
            Cache,
            "auth:keys",
            name(SIGNING_KEYS.key(()).name()),
            "string, TTL 86400 s",
        ),
        (
            Cache,
            "system:health:{service}/{instance}",
            name(
                SYSTEM_HEALTH
                    .key(("ui-gateway", "host-1".to_owned()))
                    .name(),
            ),
            "string, TTL 30 s",
        ),
        (
            Streams,
            "stream:devmentor:projects",
            name(PROJECTS.key(()).name()),
            "stream, entries for 7 d, 256 MiB",
        ),
        (
            Streams,
            "stream:devmentor:project:{id}",
            name(PROJECT_TIMELINE.key(ID).name()),
            "stream, newest 1000 entries, 2 MiB, 7 d after the last",
        ),
        (
            Streams,
            "stream:devmentor:user:{id}",
            name(USER_TIMELINE.key(ID).name()),
            "stream, newest 200 entries, 2 MiB, 30 d after the last",
        ),
        (
            Streams,
            "user:feedback",
            name(FEEDBACK.key(()).name()),
            "stream, entries for 30 d, 256 MiB",
        ),
        (
            Streams,
            "user:interactions",
            name(INTERACTIONS.key(()).name()),
            "stream, entries for 7 d, 256 MiB",
        ),
        (
            Streams,
            "ai:events",
            name(AI_EVENTS.key(()).name()),
            "stream, entries for 7 d, 256 MiB",
        ),
        (
            Streams,
            "ai:adaptations",
            name(ADAPTATIONS.key(()).name()),
            "stream, entries for 7 d, 256 MiB",
        ),
        (
            Streams,
            "ai:model:updates",
            name(MODEL_UPDATES.key(()).name()),
            "stream, entries for 7 d, 256 MiB",
        ),
        (
            Streams,
            "auth:events",
            name(AUTH_EVENTS.key(()).name()),
            "stream, entries for 1 d, 256 MiB",
        ),
        (
            Streams,
            "dlq:{stream}",
            name(DEAD_LETTERS.key("user:feedback".to_owned()).name()),
            "stream, newest 100000 entries",
        ),
        (
            Streams,
            "dead_letters:{stream}",
            name(DEAD_LETTER_INDEX.key("user:feedback".to_owned()).name()),
            "sorted set, newest 100000 entries",
        ),
        (
            Streams,
            "delivered:{stream}",
            name(DELIVERED.key("user:feedback".to_owned()).name()),
            "string, stays",
        ),
        (
            Streams,
            "learning:profile:{user_id}",
            name(PROFILE.key(ID).name()),
            "hash, stays",
        ),
        (
            Streams,
            "learning:seen:{day}",
            name(SEEN.key(20_000).name()),
            "set, TTL 691200 s",
        ),
        (
            Streams,
            "learning:applied:{user_id}",
            name(APPLIED.key(ID).name()),
            "hash, stays",
        ),
        (
            Streams,
            "ai:reply:{message_id}",
            name(REPLY.key(ID).name()),
            "hash, TTL 7776000 s",
        ),
        (
            Streams,
            "ai:conversation:{id}",
            name(CONVERSATION.key(ID).name()),
            "hash, TTL 7776000 s",
        ),
        (
            Streams,
            "ai:conversations:{user_id}",
            name(CONVERSATIONS.key(ID).name()),
            "sorted set, TTL 7776000 s",
        ),
        (
            Streams,
            "ai:memory:{user_id}",
            name(MEMORY.key(ID).name()),
            "hash, TTL 7776000 s",
        ),
        (
            Streams,
            "idempotency:{user_id}:{sha256}",
            name(IDEMPOTENCY.key((ID, "00ff".to_owned())).name()),
            "string, TTL 86400 s",
        ),
        (
            Streams,
            "outbox:{producer}",
            name(OUTBOX.key(OUTBOX_PRODUCER_PROJECTS).name()),
            "string, stays",
        ),
        (
            Streams,
            "realtime:devmentor:projects",
            name(LIVE_PROJECTS.name()),
            "channel, not stored",
        ),
        (
            Streams,
            "realtime:ai:events",
            name(LIVE_AI.name()),
            "channel, not stored",
        ),
    ]
}

#[test]
fn every_declaration_is_pinned() {
    let declared: BTreeSet<_> = catalog()
        .into_iter()
        .map(|(instance, of, _)| {
            (
                instance,
                of.pattern,
                format!("{}, {}", of.kind, of.lifetime),
            )
        })
        .collect();
    let pinned: BTreeSet<_> = rows()
        .into_iter()
        .map(|(instance, pattern, _, rest)| (instance, pattern, rest.to_owned()))
        .collect();
    assert_eq!(declared, pinned);
}

#[test]
fn names_are_exact() {
    let names: Vec<_> = rows().into_iter().map(|(_, _, name, _)| name).collect();
    assert_eq!(
        names,
        [
            "session:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "rate_limit:api:u-1",
            "share:stream_bytes:u-1",
            "login_failures:00ff:n-1",
            "locked:00ff:n-1",
            "auth:keys",
            "system:health:ui-gateway/host-1",
            "stream:devmentor:projects",
            "stream:devmentor:project:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "stream:devmentor:user:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "user:feedback",
            "user:interactions",
            "ai:events",
            "ai:adaptations",
            "ai:model:updates",
            "auth:events",
            "dlq:user:feedback",
            "dead_letters:user:feedback",
            "delivered:user:feedback",
            "learning:profile:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "learning:seen:20000",
            "learning:applied:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "ai:reply:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "ai:conversation:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "ai:conversations:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "ai:memory:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
            "idempotency:018f2b6e-5b1c-7a3d-9e4f-0123456789ab:00ff",
            "outbox:project-service",
            "realtime:devmentor:projects",
            "realtime:ai:events",
        ]
    );
    assert_eq!(EVENT_FIELD, "event");
}

#[test]
fn an_id_is_read_from_the_name_it_stands_in() {
    assert_eq!(SESSION.id_of(SESSION.key(ID).name()), Some(ID));
    let others = [
        format!("user_{}", SESSION.key(ID).name()),
        format!("{}:more", SESSION.key(ID).name()),
        format!("other:{}", SESSION.key(ID).name()),
        "session:".to_owned(),
        "session:one".to_owned(),
        String::new(),
    ];
    for name in others {
        assert_eq!(SESSION.id_of(&name), None, "{name}");
    }
}

#[test]
fn no_two_declarations_can_make_the_same_name() {
    let heads: Vec<_> = rows()
        .into_iter()
        .map(|(of, pattern, ..)| (of, pattern.split('{').next().unwrap_or_default(), pattern))
        .collect();
    for (index, (of, head, pattern)) in heads.iter().enumerate() {
        for (other_of, other_head, other) in &heads[index + 1..] {
            let open = |pattern: &str, head: &str| pattern.len() > head.len();
            let clash = of == other_of
                && ((open(pattern, head) && other_head.starts_with(head))
                    || (open(other, other_head) && head.starts_with(other_head)));
            assert!(!clash, "{pattern} and {other}");
        }
    }
}

#[test]
fn every_stream_with_a_group_says_so() {
    for of in CONSUMED {
        let name = of.stream.key(());
        let declared = catalog();
        let (_, declaration, _) = declared
            .iter()
            .find(|(_, declaration, _)| declaration.pattern == name.name())
            .expect("a declared stream");
        let said = format!("group {}", of.group);
        assert!(declaration.holds.contains(&said), "{}", declaration.pattern);
        assert!(of.stream.max_age().is_some(), "{}", declaration.pattern);
    }
}

#[test]
fn every_stream_whose_ids_redis_gives_is_listed() {
    let declared = catalog();
    let own = declared.iter().map(|(_, declaration, _)| declaration);
    let own = own.filter(|of| of.kind == Kind::Stream && !of.pattern.contains('{'));
    let own = own.filter(|of| !of.producer.contains("relay"));
    let listed = STREAMS.iter().map(|of| of.key(()).name().to_owned());
    assert_eq!(
        own.map(|of| of.pattern).collect::<BTreeSet<_>>(),
        listed
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect()
    );
}

#[test]
fn every_key_of_the_cache_redis_has_a_lifetime() {
    for (_, of, _) in catalog().into_iter().filter(|(of, ..)| *of == Cache) {
        assert_ne!(of.lifetime.to_string(), "stays", "{}", of.pattern);
    }
}

#[test]
fn the_reference_names_everything() {
    let document = reference_markdown();
    for (_, pattern, ..) in rows() {
        assert!(document.contains(&format!("| `{pattern}` |")), "{pattern}");
    }
    for event in redis_contracts::event::EventBody::TYPES {
        assert!(document.contains(&format!("- `{event}`")), "{event}");
    }
}
