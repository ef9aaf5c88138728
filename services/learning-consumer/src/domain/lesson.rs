//! From an event to what a person's profile learns from it. Events come from anyone who may write to the
//! streams, so each field is checked.

use redis_contracts::{
    AI_EVENTS, Consumed, FEEDBACK, INTERACTIONS,
    event::{Event, EventBody, FeedbackGiven, InteractionRecorded, MentorReplied},
    script::Lesson,
};
use uuid::Uuid;

const RATINGS: std::ops::RangeInclusive<u8> = 1..=5;
const MOST_TAGS: usize = 10;
const LONGEST_TAG: usize = 64;

/// What is learned, and whose profile learns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taught {
    pub(crate) user_id: Uuid,
    pub(crate) lesson: Lesson,
    pub(crate) rating: Option<u8>,
}

/// The lesson of an event of a stream, or why it has none.
pub(crate) fn lesson(of: Consumed, event: &Event) -> Result<Taught, String> {
    let name = of.stream.key(());
    let belongs = |stream: &redis_contracts::StreamFamily<()>| name.name() == stream.key(()).name();
    match &event.body {
        EventBody::FeedbackGiven(given) if belongs(&FEEDBACK) => feedback(given),
        EventBody::InteractionRecorded(recorded) if belongs(&INTERACTIONS) => {
            Ok(interaction(recorded))
        }
        EventBody::MentorReplied(replied) if belongs(&AI_EVENTS) => reply(replied),
        other => Err(format!(
            "{} does not belong into {}",
            other.type_name(),
            name.name()
        )),
    }
}

fn feedback(given: &FeedbackGiven) -> Result<Taught, String> {
    if given.target_type != "mentor_reply" {
        return Err("data.target_type: expected mentor_reply".to_owned());
    }
    if !RATINGS.contains(&given.rating) {
        return Err("data.rating: expected 1 to 5".to_owned());
    }
    let tag_is_good = |tag: &String| (1..=LONGEST_TAG).contains(&tag.chars().count());
    if given.tags.len() > MOST_TAGS || !given.tags.iter().all(tag_is_good) {
        return Err(format!(
            "data.tags: expected up to {MOST_TAGS} of 1 to {LONGEST_TAG} characters"
        ));
    }
    if !given.propensity.is_none_or(is_probability) {
        return Err("data.propensity: expected above 0 and at most 1".to_owned());
    }
    let rating = u64::from(given.rating);
    let mut lesson = Lesson::from([
        ("feedback_count".to_owned(), 1),
        ("rating_sum".to_owned(), rating),
    ]);
    for (dimension, choice) in given.style.iter() {
        lesson.insert(format!("n.{dimension}.{choice}"), 1);
        lesson.insert(format!("s.{dimension}.{choice}"), rating);
    }
    Ok(Taught {
        user_id: given.user_id,
        lesson,
        rating: Some(given.rating),
    })
}

fn interaction(recorded: &InteractionRecorded) -> Taught {
    let field = format!("interactions.{}", recorded.kind.name());
    Taught {
        user_id: recorded.user_id,
        lesson: Lesson::from([(field, 1)]),
        rating: None,
    }
}

fn reply(replied: &MentorReplied) -> Result<Taught, String> {
    if !is_probability(replied.propensity) {
        return Err("data.propensity: expected above 0 and at most 1".to_owned());
    }
    Ok(Taught {
        user_id: replied.user_id,
        lesson: Lesson::from([("replies".to_owned(), 1)]),
        rating: None,
    })
}

fn is_probability(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

#[cfg(test)]
mod tests {
    use redis_contracts::{LEARNING_GROUP, Style, Timestamp};

    use super::*;

    const FEEDBACKS: Consumed = Consumed {
        stream: &FEEDBACK,
        group: LEARNING_GROUP,
    };

    fn given() -> FeedbackGiven {
        let mut style = Style::default();
        style.choose("tone", "direct").expect("a choice");
        FeedbackGiven {
            target_type: "mentor_reply".to_owned(),
            target_id: Uuid::now_v7(),
            user_id: Uuid::now_v7(),
            rating: 4,
            tags: vec!["clear".to_owned()],
            style,
            propensity: Some(0.25),
        }
    }

    fn event(body: EventBody) -> Event {
        Event {
            id: Uuid::now_v7(),
            source: "/test".to_owned(),
            subject: "test".to_owned(),
            time: Timestamp::now(),
            traceparent: None,
            actor: Uuid::now_v7(),
            project_id: None,
            body,
        }
    }

    #[test]
    fn a_rating_counts_for_each_choice_of_its_style() {
        let given = given();
        let taught = lesson(FEEDBACKS, &event(EventBody::FeedbackGiven(given.clone())));
        let lesson = [
            ("feedback_count", 1),
            ("n.tone.direct", 1),
            ("rating_sum", 4),
            ("s.tone.direct", 4),
        ];
        let expected = Taught {
            user_id: given.user_id,
            lesson: lesson.map(|(field, by)| (field.to_owned(), by)).into(),
            rating: Some(4),
        };
        assert_eq!(taught, Ok(expected));
    }

    #[test]
    fn each_wrong_field_is_named() {
        type Break = fn(&mut FeedbackGiven);
        let broken: [(&str, Break); 7] = [
            ("target_type", |given| given.target_type = "task".to_owned()),
            ("rating", |given| given.rating = 0),
            ("rating", |given| given.rating = 6),
            ("tags", |given| given.tags = vec!["x".to_owned(); 11]),
            ("tags", |given| given.tags = vec!["x".repeat(65)]),
            ("propensity", |given| given.propensity = Some(0.0)),
            ("propensity", |given| given.propensity = Some(f64::NAN)),
        ];
        for (field, break_it) in broken {
            let mut given = given();
            break_it(&mut given);
            let refused = lesson(FEEDBACKS, &event(EventBody::FeedbackGiven(given)));
            assert!(refused.expect_err(field).contains(field), "{field}");
        }
    }

    #[test]
    fn an_event_of_another_stream_is_refused() {
        let elsewhere = Consumed {
            stream: &AI_EVENTS,
            group: LEARNING_GROUP,
        };
        let refused = lesson(elsewhere, &event(EventBody::FeedbackGiven(given())));
        assert!(
            refused
                .expect_err("refused")
                .contains("does not belong into ai:events")
        );
    }
}
