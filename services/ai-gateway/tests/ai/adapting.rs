//! A newer profile chooses.

use redis_contracts::{ADAPTATIONS, AI_EVENTS, PROFILE, USER_TIMELINE, event::EventBody};
use uuid::Uuid;

use super::*;

impl Fixture {
    /// Puts a profile in the place of what was learned.
    async fn set_profile(&self, person: &Person, version: &str, style: &Value) {
        let user_id: Uuid = person.id.parse().expect("a UUID");
        let key = PROFILE.key(user_id);
        let style = style.to_string();
        let fields = ["HSET", key.name(), "version", version, "style", &style];
        let _: i64 = self.redis(&fields).await;
    }

    /// Version and version before of each adaptation.
    async fn adaptations(&self) -> Vec<(u64, u64, Uuid)> {
        let events = self.events(&ADAPTATIONS).await.into_iter();
        let adapted = events.map(|(_, event)| match event.body {
            EventBody::MentorAdapted(data) => {
                (data.profile_version, data.previous_version, data.message_id)
            }
            _ => panic!("{event:?}"),
        });
        adapted.collect()
    }
}

#[tokio::test]
async fn a_newer_profile_is_told_of_once() {
    let fixture = Fixture::start().await;
    let person = fixture.platform.person().await;
    fixture.ask(&person, "Hello").await;
    assert_eq!(fixture.adaptations().await, []);

    let sure = json!({"form": {"example": 0.0, "explanation": 0.0, "steps": 1.0},
        "tone": {"direct": 0.75, "supportive": 0.25}, "verbosity": {"concise": 1.0, "detailed": 0.0}});
    fixture.set_profile(&person, "3", &sure).await;
    let third = fixture.ask(&person, "Hello").await;
    assert_eq!(
        (third.profile_version, third.style["form"].as_str()),
        (3, "steps")
    );
    fixture.ask(&person, "Hello").await;
    fixture
        .set_profile(&person, "5", &json!({"form": {"steps": "much"}}))
        .await;
    let fifth = fixture.chat(&person, question("Hello")).await;
    assert_eq!(refused(fifth), "internal", "somebody broke the style");
    fixture
        .set_profile(
            &person,
            "7",
            &json!({"form": {"steps": 0}, "mood": {"good": 1}}),
        )
        .await;
    let seventh = fixture.ask(&person, "Hello").await;
    assert_eq!((seventh.profile_version, seventh.style.len()), (7, 3));

    let message = |reply: &Reply| reply.message_id.parse::<Uuid>().expect("a UUID");
    let adapted = fixture.adaptations().await;
    assert_eq!(
        adapted,
        [(3, 0, message(&third)), (7, 3, message(&seventh))]
    );
    let user_id: Uuid = person.id.parse().expect("a UUID");
    let timeline = fixture.entries(USER_TIMELINE.key(user_id).name()).await;
    let in_stream = fixture.events(&ADAPTATIONS).await;
    let events = |entries: &[(String, _)]| -> Vec<Event> {
        entries
            .iter()
            .map(|(_, event): &(String, Event)| event.clone())
            .collect()
    };
    assert_eq!(events(&timeline), events(&in_stream));

    let propensities: Vec<_> = fixture
        .events(&AI_EVENTS)
        .await
        .into_iter()
        .map(|(_, event)| match event.body {
            EventBody::MentorReplied(data) => (data.style, data.propensity),
            _ => panic!("{event:?}"),
        })
        .collect();
    for (style, propensity) in &propensities[1..3] {
        let expected = if style.get("tone") == Some("direct") {
            0.75
        } else {
            0.25
        };
        assert_eq!(*propensity, expected, "{style:?}");
    }
    for (_, propensity) in &propensities[3..] {
        assert!(
            (propensity - 1.0 / 12.0).abs() < 1e-9,
            "what a profile does not say is even"
        );
    }
}
