//! Topics and the message of a live channel.

use redis_contracts::{LiveMessage, Position, Topic};
use uuid::uuid;

#[test]
fn a_topic_is_its_text() {
    let text = "project:018f2b6e-5b1c-7a3d-9e4f-0123456789ab";
    let topic = Topic::Project(uuid!("018f2b6e-5b1c-7a3d-9e4f-0123456789ab"));
    assert_eq!(text.parse(), Ok(topic));
    assert_eq!(topic.to_string(), text);
}

#[test]
fn what_is_no_topic_is_refused() {
    let junk = [
        "",
        "project",
        "project:",
        "project:1",
        "Project:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
        " project:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
        "project:018f2b6e-5b1c-7a3d-9e4f-0123456789ab ",
        "project:018f2b6e5b1c7a3d9e4f0123456789ab",
        "project:{018f2b6e-5b1c-7a3d-9e4f-0123456789ab}",
        "project:urn:uuid:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
        "project:018f2b6e-5b1c-7a3d-9e4f-0123456789ag",
        "workflow:018f2b6e-5b1c-7a3d-9e4f-0123456789ab",
        "system",
    ];
    for text in junk {
        assert!(text.parse::<Topic>().is_err(), "{text:?}");
    }
}

#[test]
fn a_live_message_passes_the_event_on_as_it_came() {
    let text = r#"{"topic":"project:1","position":"2-0","previous":"1-7","event":{ "b":1.10, "a":"\u00e9" }}"#;
    let message: LiveMessage<'_> = serde_json::from_str(text).expect("a message");
    assert_eq!(message.topic, "project:1");
    assert_eq!(
        (message.position, message.previous),
        (Position::new(2, 0), Position::new(1, 7))
    );
    assert_eq!(message.event.get(), r#"{ "b":1.10, "a":"\u00e9" }"#);
}
