//! The scripts that record, sent again and out of order.

use std::collections::BTreeMap;

use redis::FromRedisValue;
use redis_contracts::{
    AI_EVENTS, CONVERSATION, CONVERSATION_MESSAGES, ConversationMessage, FEEDBACK, FirstAnswer,
    INTERACTIONS, LEARNING_GROUP, MEMORY, Position, ReplyRecord, Streams, Style, Timestamp,
    event::{Event, EventBody, FeedbackGiven, InteractionKind, InteractionRecorded, MentorAdapted},
    script::{
        Adapted, Invocation, RecordReply, RecordSignal, mark_seen, record_reply, record_signal,
    },
};
use test_kit::RedisServer;
use uuid::Uuid;

/// A person, and what they asked.
struct Asker {
    redis: RedisServer,
    user_id: Uuid,
    conversation_id: Uuid,
}

impl Asker {
    async fn new() -> Self {
        Self {
            redis: RedisServer::streams().await,
            user_id: Uuid::now_v7(),
            conversation_id: Uuid::now_v7(),
        }
    }

    async fn run<T: FromRedisValue>(&self, call: &Invocation<Streams>) -> T {
        self.command(&eval(call)).await
    }

    async fn command<T: FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let mut redis = self.redis.connect().await;
        command.query_async(&mut redis).await.expect("an answer")
    }

    /// What Redis says of a call that it refuses.
    async fn refusal(&self, call: &Invocation<Streams>) -> String {
        let mut redis = self.redis.connect().await;
        let answer: redis::RedisResult<redis::Value> = eval(call).query_async(&mut redis).await;
        answer.expect_err("refused").to_string()
    }

    async fn length(&self, stream: &str) -> u64 {
        self.command(redis::cmd("XLEN").arg(stream)).await
    }

    fn event(&self, body: EventBody) -> Event {
        Event {
            id: Uuid::now_v7(),
            source: "/ai-gateway".to_owned(),
            subject: "reply/1".to_owned(),
            time: Timestamp::now(),
            traceparent: None,
            actor: self.user_id,
            project_id: None,
            body,
        }
    }

    fn asked(&self) -> EventBody {
        EventBody::InteractionRecorded(InteractionRecorded {
            user_id: self.user_id,
            kind: InteractionKind::Asked,
            message_id: None,
            suggestion: None,
        })
    }

    /// A call that records a reply, as it is sent.
    fn recording(&self, message_id: Uuid, with: &With) -> Invocation<Streams> {
        let adapted = EventBody::MentorAdapted(MentorAdapted {
            user_id: self.user_id,
            message_id,
            profile_version: with.version,
            style: Style::default(),
            previous_version: 0,
        });
        let said = |role: &str| ConversationMessage {
            role: role.to_owned(),
            text: "\"message_id\":\"0-0\"".to_owned(),
            at: Timestamp::now(),
            message_id: (role == "mentor").then_some(message_id),
        };
        let event = self.event(self.asked()).encode().expect("JSON");
        record_reply(&RecordReply {
            idempotency: &message_id.to_string(),
            first_answer: &FirstAnswer {
                request_sha256: "hash".to_owned(),
                answer: "one\ntwo".to_owned(),
            },
            message_id,
            reply: &ReplyRecord {
                user_id: self.user_id,
                conversation_id: self.conversation_id,
                style: Style::default(),
                propensity: 0.5,
                profile_version: with.version,
            },
            goes_on: with.goes_on,
            asked: &said("person"),
            replied: &said("mentor"),
            replied_event: event.clone(),
            asked_event: event,
            adapted_event: Adapted::new(self.event(adapted)).expect("JSON"),
            seen: &with.seen,
        })
    }
}

fn eval(call: &Invocation<Streams>) -> redis::Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(call.script.source).arg(call.keys.len());
    command.arg(&call.keys).arg(&call.args);
    command
}

#[derive(Default)]
struct With {
    version: u64,
    goes_on: bool,
    seen: BTreeMap<Uuid, Position>,
}

fn said(word: &str, rest: &str) -> (String, String) {
    (word.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn a_recording_that_is_sent_twice_is_one() {
    let asker = Asker::new().await;
    let recording = asker.recording(
        Uuid::now_v7(),
        &With {
            version: 2,
            ..With::default()
        },
    );
    assert_eq!(
        asker.run::<(String, String)>(&recording).await,
        said("recorded", "")
    );
    assert_eq!(
        asker.run::<(String, String)>(&recording).await,
        said("replayed", "one\ntwo")
    );
    for stream in &recording.keys[5..9] {
        assert_eq!(asker.length(stream).await, 1, "{stream}");
    }
}

#[tokio::test]
async fn what_was_seen_never_goes_back() {
    let asker = Asker::new().await;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    // As numbers, not as text.
    let at = |unix_ms| Position::new(unix_ms, 0);
    let seen = |unix_ms| With {
        seen: [(one, at(unix_ms)), (two, at(7))].into(),
        ..With::default()
    };
    let marked: u8 = asker.run(&mark_seen(asker.user_id, one, at(1000))).await;
    assert_eq!(marked, 1);
    let held = async || -> Vec<Option<String>> {
        let mut command = redis::cmd("HMGET");
        command.arg(MEMORY.key(asker.user_id).name());
        command
            .arg(format!("seen:{one}"))
            .arg(format!("seen:{two}"));
        asker.command(&command).await
    };
    for (told, kept) in [(999, "1000-0"), (10_000, "10000-0"), (1001, "10000-0")] {
        let recording = asker.recording(Uuid::now_v7(), &seen(told));
        assert_eq!(
            asker.run::<(String, String)>(&recording).await,
            said("recorded", "")
        );
        assert_eq!(
            held().await,
            [Some(kept.to_owned()), Some("7-0".to_owned())]
        );
    }
    let marked: u8 = asker.run(&mark_seen(asker.user_id, one, at(9999))).await;
    assert_eq!(marked, 0);
    // What is no position is not written over.
    let memory = MEMORY.key(asker.user_id);
    let junk = redis::cmd("HSET")
        .arg(memory.name())
        .arg(format!("seen:{one}"))
        .arg("yesterday")
        .to_owned();
    let _: u8 = asker.command(&junk).await;
    let refused = asker.refusal(&mark_seen(asker.user_id, one, at(3))).await;
    assert!(refused.contains("UNREADABLE"), "{refused}");
    let recording = asker.recording(Uuid::now_v7(), &seen(20_000));
    let refused = asker.refusal(&recording).await;
    assert!(refused.contains(&format!("seen:{one}")), "{refused}");
    assert_eq!(held().await[0].as_deref(), Some("yesterday"));
    // A key of another type is as good as none.
    let other = redis::cmd("SET").arg(memory.name()).arg("x").to_owned();
    let _: () = asker.command(&other).await;
    let marked: u8 = asker.run(&mark_seen(asker.user_id, one, at(2))).await;
    assert_eq!(marked, 1);
}

#[tokio::test]
async fn a_conversation_that_goes_on_is_there_and_keeps_its_newest_messages() {
    let asker = Asker::new().await;
    let on = With {
        goes_on: true,
        ..With::default()
    };
    let early = asker.recording(Uuid::now_v7(), &on);
    assert_eq!(
        asker.run::<(String, String)>(&early).await,
        said("foreign", "")
    );
    let mut replies = vec![Uuid::now_v7()];
    let begun = asker.recording(replies[0], &With::default());
    assert_eq!(
        asker.run::<(String, String)>(&begun).await,
        said("recorded", "")
    );
    let key = CONVERSATION.key(asker.conversation_id);
    let first_comment = format!("comment:{}", replies[0]);
    let mut comment = redis::cmd("HSET");
    comment.arg(key.name()).arg(&first_comment).arg("{}");
    let _: u8 = asker.command(&comment).await;
    for _ in 0..CONVERSATION_MESSAGES / 2 {
        replies.push(Uuid::now_v7());
        let next = asker.recording(replies[replies.len() - 1], &on);
        assert_eq!(
            asker.run::<(String, String)>(&next).await,
            said("recorded", "")
        );
    }
    let fields: Vec<String> = asker.command(redis::cmd("HKEYS").arg(key.name())).await;
    let messages = fields
        .iter()
        .filter(|field| field.starts_with("message:"))
        .count();
    assert_eq!(u64::try_from(messages), Ok(CONVERSATION_MESSAGES));
    assert!(
        !fields.contains(&first_comment),
        "its comment goes with a message"
    );
    assert_eq!(
        asker.length(AI_EVENTS.key(()).name()).await,
        CONVERSATION_MESSAGES / 2 + 1
    );
}

#[tokio::test]
async fn a_rating_that_is_sent_twice_is_one_and_needs_its_reply() {
    let asker = Asker::new().await;
    let message_id = Uuid::now_v7();
    let event = asker.event(EventBody::FeedbackGiven(FeedbackGiven {
        target_type: "mentor_reply".to_owned(),
        target_id: message_id,
        user_id: asker.user_id,
        rating: 4,
        tags: Vec::new(),
        style: Style::default(),
        propensity: None,
    }));
    let rating = |user_id| {
        record_signal(&RecordSignal {
            idempotency: &event.id.to_string(),
            request_sha256: "hash",
            user_id,
            message_id,
            conversation_id: asker.conversation_id,
            event: &event,
            event_json: event.encode().expect("JSON"),
            comment: None,
        })
    };
    let mine = rating(asker.user_id);
    assert_eq!(
        asker.run::<(String, String)>(&mine).await,
        said("missing", "")
    );
    let _: (String, String) = asker
        .run(&asker.recording(message_id, &With::default()))
        .await;
    assert_eq!(
        asker.run::<(String, String)>(&rating(Uuid::now_v7())).await,
        said("missing", "")
    );
    let first: (String, String) = asker.run(&mine).await;
    let again: (String, String) = asker.run(&mine).await;
    assert_eq!(
        (first.0.as_str(), again.0.as_str()),
        ("recorded", "replayed")
    );
    assert_eq!(first.1, again.1);
    assert_eq!(asker.length(FEEDBACK.key(()).name()).await, 1);
}

#[tokio::test]
async fn a_script_that_cannot_end_writes_nothing() {
    let asker = Asker::new().await;
    let begun = asker.recording(Uuid::now_v7(), &With::default());
    asker.run::<(String, String)>(&begun).await;
    let (conversation, interactions) = (begun.keys[2].clone(), begun.keys[6].clone());
    let largest = format!("{0}-{0}", u64::MAX);
    let breaks = [
        vec!["HSET", &conversation, "count", "many"],
        vec!["HSET", &conversation, "count", "9999999999999999999"],
        vec!["XADD", &interactions, &largest, "event", "{}"],
    ];
    for words in breaks {
        let broken = redis::cmd(words[0]).arg(&words[1..]).to_owned();
        asker.command::<redis::Value>(&broken).await;
        let next = asker.recording(
            Uuid::now_v7(),
            &With {
                goes_on: true,
                ..With::default()
            },
        );
        for _ in 0..2 {
            let mut redis = asker.redis.connect().await;
            let answer: redis::RedisResult<(String, String)> = redis::cmd("EVAL")
                .arg(next.script.source)
                .arg(next.keys.len())
                .arg(&next.keys)
                .arg(&next.args)
                .query_async(&mut redis)
                .await;
            // Above all it is not `replayed`, which would say that it was recorded.
            if let Ok(answer) = answer {
                assert_eq!(answer, said("broken", &interactions), "{words:?}");
            }
        }
        let kept: u8 = asker
            .command(redis::cmd("EXISTS").arg(&next.keys[..2]))
            .await;
        assert_eq!(kept, 0, "{words:?}");
        let mended = redis::cmd("HSET")
            .arg(&[&conversation, "count", "2"])
            .to_owned();
        asker.command::<redis::Value>(&mended).await;
    }
    assert_eq!(asker.length(&begun.keys[5]).await, 1);
}

#[tokio::test]
async fn a_stream_whose_group_is_behind_takes_nothing_new_and_goes_on_once_it_has_read() {
    let asker = Asker::new().await;
    let recording = || {
        let mut call = asker.recording(Uuid::now_v7(), &With::default());
        call.args[23] = b"60000".to_vec();
        call.keys[2] = CONVERSATION.key(Uuid::now_v7()).name().to_owned();
        call
    };
    let full = loop {
        let call = recording();
        let (word, stream) = asker.run::<(String, String)>(&call).await;
        if word == "full" {
            break stream;
        }
    };
    let length = asker.length(&full).await;
    assert!((20..200).contains(&length), "{length}");
    for stream in [AI_EVENTS.key(()), INTERACTIONS.key(())] {
        let mut group = redis::cmd("XGROUP");
        group.arg(&["CREATE", stream.name(), LEARNING_GROUP, "$"]);
        asker.command::<redis::Value>(&group).await;
    }
    let (word, _) = asker.run::<(String, String)>(&recording()).await;
    assert_eq!(word, "recorded", "what was acknowledged makes room");
}

#[tokio::test]
async fn a_person_s_own_oldest_conversations_make_room_with_their_replies() {
    let asker = Asker::new().await;
    let mut kept = Vec::new();
    for _ in 0..100 {
        let mut call = asker.recording(Uuid::now_v7(), &With::default());
        let id = Uuid::now_v7();
        call.keys[2] = CONVERSATION.key(id).name().to_owned();
        call.args[6] = id.to_string().into_bytes();
        call.args[10] = b"30000".to_vec();
        asker.run::<(String, String)>(&call).await;
        kept.push(call.keys);
    }
    let exists = async |key: &str| asker.command::<bool>(redis::cmd("EXISTS").arg(key)).await;
    let conversations: u64 = asker.command(redis::cmd("ZCARD").arg(&kept[0][3])).await;
    assert!((10..60).contains(&conversations), "{conversations}");
    let first_left = kept.len() - usize::try_from(conversations).expect("a number");
    for (index, keys) in kept.iter().enumerate() {
        let is_left = index >= first_left;
        assert_eq!(exists(&keys[2]).await, is_left, "conversation {index}");
        assert_eq!(exists(&keys[1]).await, is_left, "its reply, {index}");
    }
}

#[tokio::test]
async fn whoever_has_many_answers_remembered_has_the_next_ones_remembered_for_a_minute() {
    let asker = Asker::new().await;
    let mut longest = Vec::new();
    for _ in 0..10 {
        let mut call = asker.recording(Uuid::now_v7(), &With::default());
        call.args[1] = vec![b'x'; 1 << 20];
        asker.run::<(String, String)>(&call).await;
        let left: i64 = asker.command(redis::cmd("TTL").arg(&call.keys[0])).await;
        longest.push(left > 60);
    }
    assert_eq!(longest, [[true; 9].as_slice(), &[false]].concat());
}
