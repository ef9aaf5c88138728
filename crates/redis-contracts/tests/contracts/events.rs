//! One golden file for each event type: what is written is exactly this, and it is read back.

use std::{collections::BTreeMap, path::Path};

use redis_contracts::{
    ProfileRecord, Style, Timestamp,
    event::{
        AuthorSnapshot, Change, Changed, CommentAdded, CommentDeleted, CommentSnapshot, Event,
        EventBody, FeedbackGiven, InteractionKind, InteractionRecorded, LearningProfileUpdated,
        MentorAdapted, MentorReplied, ProjectDeleted, ProjectSnapshot, Security, SuggestionRef,
        TaskDeleted, TaskSnapshot,
    },
};
use serde_json::{Value as Json, json};
use uuid::{Uuid, uuid};

const PROJECT: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000001");
const TASK: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000002");
const COMMENT: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000003");
const PERSON: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000004");
const EVENT: Uuid = uuid!("018f2b6e-0000-7000-8000-000000000005");

#[test]
fn every_type_has_its_golden_file() {
    let samples = samples();
    let names: Vec<_> = samples.iter().map(EventBody::type_name).collect();
    assert_eq!(names, EventBody::TYPES);
    for body in samples {
        let name = body.type_name().to_owned();
        let event = event(body);
        let golden = golden(&name);
        assert_eq!(event.encode().expect("JSON"), golden, "{name}");
        assert_eq!(Event::decode(&golden), Ok(event), "{name}");
    }
}

#[test]
fn an_unknown_type_or_version_is_kept_as_it_came() {
    for name in [
        "devmentor.task.created.v2",
        "devmentor.workflow.started.v1",
        "other",
        "",
    ] {
        let data = json!({"n": 1, "text": "\u{e9}", "list": [null, {"deep": true}]});
        let mut text = parsed(&golden("devmentor.task.created.v1"));
        text["type"] = json!(name);
        text["data"] = data.clone();
        let event = Event::decode(&text.to_string()).expect("an event");
        let unknown = EventBody::Unknown {
            type_name: name.to_owned(),
            data,
        };
        assert_eq!(event.body, unknown);
        assert_eq!(parsed(&event.encode().expect("JSON")), text);
    }
}

#[test]
fn what_is_no_event_is_an_error_that_says_why() {
    let whole = golden("devmentor.task.created.v1");
    for cut in 0..whole.len() {
        if let Some(part) = whole.get(..cut) {
            assert!(Event::decode(part).is_err(), "{part}");
        }
    }
    let broken = [
        ("/specversion", json!("0.3"), "specversion 0.3"),
        ("/id", json!("7"), "UUID"),
        ("/time", json!("yesterday"), "RFC 3339"),
        ("/actor", json!(null), "UUID"),
        ("/data", json!({}), "data: missing field `id`"),
        ("/data", json!(null), "data: "),
        ("/data", json!(["a", "list"]), "data is no JSON object"),
        ("/data/version", json!(-1), "data: "),
    ];
    for (pointer, value, wanted) in broken {
        let mut text = parsed(&whole);
        *text.pointer_mut(pointer).expect("a field") = value;
        let error = Event::decode(&text.to_string()).expect_err(pointer);
        assert!(error.0.contains(wanted), "{pointer}: {error}");
    }
}

#[test]
fn what_others_may_leave_out_is_filled_in() {
    let mut text = parsed(&golden("devmentor.task.created.v1"));
    let fields = text.as_object_mut().expect("an object");
    for optional in ["datacontenttype", "traceparent", "project_id"] {
        fields.remove(optional);
    }
    let event = Event::decode(&text.to_string()).expect("an event");
    assert_eq!((event.traceparent, event.project_id), (None, None));
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.json"));
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim_end().to_owned()
}

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).expect("JSON")
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000 + second * 1000)
}

fn event(body: EventBody) -> Event {
    Event {
        id: EVENT,
        source: "/project-service".to_owned(),
        subject: format!("task/{TASK}"),
        time: time(9),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        actor: PERSON,
        project_id: Some(PROJECT),
        body,
    }
}

/// One of each type, in the order of [`EventBody::TYPES`].
fn samples() -> Vec<EventBody> {
    vec![
        EventBody::ProjectCreated(project()),
        EventBody::ProjectUpdated(changed(project(), "name", json!("Old"), json!("Engine"))),
        EventBody::ProjectDeleted(ProjectDeleted {
            id: PROJECT,
            key: "ENG".to_owned(),
        }),
        EventBody::TaskCreated(task()),
        EventBody::TaskUpdated(changed(task(), "due_on", json!(null), json!("2026-01-31"))),
        EventBody::TaskMoved(changed(task(), "status", json!("todo"), json!("in_review"))),
        EventBody::TaskCompleted(changed(done(), "status", json!("in_review"), json!("done"))),
        EventBody::TaskDeleted(TaskDeleted {
            id: TASK,
            project_id: PROJECT,
            reference: "ENG-12".to_owned(),
        }),
        EventBody::CommentAdded(CommentAdded {
            comment: comment(),
            task_comment_count: 1,
        }),
        EventBody::CommentUpdated(changed(
            comment(),
            "body",
            json!("Yes"),
            json!("Yes & \"no\""),
        )),
        EventBody::CommentDeleted(CommentDeleted {
            id: COMMENT,
            task_id: TASK,
            task_comment_count: 0,
        }),
        EventBody::MentorReplied(MentorReplied {
            message_id: COMMENT,
            conversation_id: TASK,
            user_id: PERSON,
            project_id: Some(PROJECT),
            style: style(),
            propensity: 0.125,
            profile_version: 3,
            source: "built_in".to_owned(),
        }),
        EventBody::MentorAdapted(MentorAdapted {
            user_id: PERSON,
            message_id: COMMENT,
            profile_version: 3,
            style: style(),
            previous_version: 1,
        }),
        EventBody::FeedbackGiven(FeedbackGiven {
            target_type: "mentor_reply".to_owned(),
            target_id: COMMENT,
            user_id: PERSON,
            rating: 4,
            tags: vec!["clear".to_owned()],
            style: style(),
            propensity: Some(0.125),
        }),
        EventBody::InteractionRecorded(InteractionRecorded {
            user_id: PERSON,
            kind: InteractionKind::FollowedUp,
            message_id: Some(COMMENT),
            suggestion: Some(SuggestionRef {
                kind: "split".to_owned(),
                task_id: TASK,
            }),
        }),
        EventBody::LearningProfileUpdated(LearningProfileUpdated {
            user_id: PERSON,
            version: 3,
            style: ProfileRecord::prior().style,
            feedback_count: 2,
            average_rating: Some(4.5),
            updated_at: time(8),
        }),
        EventBody::SignedIn(security()),
        EventBody::SignInFailed(security()),
        EventBody::SecondStepFailed(security()),
        EventBody::AccountLocked(security()),
        EventBody::AccountUnlocked(security()),
        EventBody::SignedOut(security()),
        EventBody::SessionEnded(security()),
        EventBody::RefreshRepeated(security()),
        EventBody::TokenReused(security()),
        EventBody::PasswordChanged(security()),
        EventBody::PasswordResetRequested(security()),
        EventBody::PasswordReset(security()),
        EventBody::EmailVerified(security()),
        EventBody::EmailChangeRequested(security()),
        EventBody::EmailChanged(security()),
        EventBody::EmailChangeUndone(security()),
        EventBody::ProfileChanged(security()),
        EventBody::SecondFactorEnabled(security()),
        EventBody::SecondFactorDisabled(security()),
        EventBody::RecoveryCodeUsed(security()),
        EventBody::MachineTokenCreated(security()),
        EventBody::MachineTokenRevoked(security()),
        EventBody::RolesChanged(security()),
        EventBody::AccountCreated(security()),
        EventBody::AccountDeleted(security()),
    ]
}

fn security() -> Security {
    Security {
        user_id: Some(PERSON),
        session_id: Some(TASK),
        agent: Some("curl/8".to_owned()),
        address: Some("127.0.0.1".to_owned()),
        detail: None,
    }
}

fn style() -> Style {
    let mut style = Style::default();
    for (dimension, choice) in [
        ("tone", "direct"),
        ("form", "steps"),
        ("verbosity", "concise"),
    ] {
        style.choose(dimension, choice).expect("a choice");
    }
    style
}

#[test]
fn a_style_that_there_is_not_is_refused_by_name() {
    let whole = parsed(&golden("devmentor.feedback.given.v1"));
    for (style, wanted) in [
        (
            json!({"tone": "rude"}),
            "style.tone is one of direct, supportive",
        ),
        (json!({"colour": "red"}), "style has no `colour`"),
        (json!("direct"), "data: "),
    ] {
        let mut event = whole.clone();
        event["data"]["style"] = style;
        let error = Event::decode(&event.to_string()).expect_err(wanted);
        assert!(error.0.contains(wanted), "{error}");
    }
}

#[test]
fn others_may_leave_out_how_a_reply_was_written() {
    let mut event = parsed(&golden("devmentor.feedback.given.v1"));
    let data = event["data"].as_object_mut().expect("an object");
    for optional in ["tags", "style", "propensity"] {
        data.remove(optional);
    }
    let EventBody::FeedbackGiven(given) = Event::decode(&event.to_string()).expect("an event").body
    else {
        panic!("another type");
    };
    assert_eq!(
        (given.tags.len(), given.style, given.propensity),
        (0, Style::default(), None)
    );
}

fn changed<S>(snapshot: S, field: &str, from: Json, to: Json) -> Changed<S> {
    let changes = BTreeMap::from([(field.to_owned(), Change { from, to })]);
    Changed { snapshot, changes }
}

fn project() -> ProjectSnapshot {
    ProjectSnapshot {
        id: PROJECT,
        key: "ENG".to_owned(),
        name: "Engine".to_owned(),
        description: String::new(),
        status: "active".to_owned(),
        version: 1,
        created_at: time(0),
        updated_at: time(0),
    }
}

fn task() -> TaskSnapshot {
    TaskSnapshot {
        id: TASK,
        project_id: PROJECT,
        reference: "ENG-12".to_owned(),
        title: "Oil the \u{65e5}\u{672c} gears".to_owned(),
        description: "One\nTwo\tThree".to_owned(),
        status: "in_review".to_owned(),
        labels: vec!["gears".to_owned()],
        due_on: Some("2026-01-31".to_owned()),
        position: "80".to_owned(),
        author: AuthorSnapshot {
            user_id: Some(PERSON),
            name: "reader".to_owned(),
        },
        external_ref: None,
        comment_count: 0,
        version: 2,
        created_at: time(1),
        updated_at: time(2),
        completed_at: None,
    }
}

fn done() -> TaskSnapshot {
    TaskSnapshot {
        status: "done".to_owned(),
        completed_at: Some(time(3)),
        ..task()
    }
}

fn comment() -> CommentSnapshot {
    CommentSnapshot {
        id: COMMENT,
        task_id: TASK,
        author: AuthorSnapshot {
            user_id: None,
            name: "somebody of an archive".to_owned(),
        },
        body: "Yes & \"no\"".to_owned(),
        external_ref: Some("7#1".to_owned()),
        version: 1,
        created_at: time(4),
        updated_at: time(4),
    }
}
