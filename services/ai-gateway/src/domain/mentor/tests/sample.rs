//! Projects to talk about.

use std::collections::BTreeMap;

use redis_contracts::{DIMENSIONS, Position, Style, Timestamp};
use time::{Date, Duration};
use uuid::Uuid;

use crate::domain::mentor::{
    Composed, Question, compose,
    facts::{Attention, Change, Changes, Project, Status, Task},
    wording::day_of,
};

pub(super) const ASKER: Uuid = Uuid::from_u128(0xa5);

pub(super) fn now() -> Timestamp {
    "2026-03-05T09:00:00.000Z".parse().expect("a moment")
}

fn days_ago(days: u64) -> Timestamp {
    Timestamp::from_unix_ms(now().unix_ms() - days as i64 * 86_400_000)
}

fn day(ahead: i64) -> Date {
    day_of(now()) + Duration::days(ahead)
}

pub(super) fn task(number: u32, title: &str, status: Status) -> Task {
    Task {
        id: Uuid::from_u128(u128::from(number)),
        reference: format!("ECH-{number}"),
        title: title.to_owned(),
        status,
        due_on: None,
        open_steps: 0,
        updated_at: days_ago(1),
    }
}

pub(super) fn list(tasks: Vec<Task>) -> Attention {
    Attention {
        total: u32::try_from(tasks.len()).expect("a small list"),
        tasks,
    }
}

fn change(kind: &str, task: &Task, days: u64, actor: Uuid) -> Change {
    Change {
        type_name: format!("devmentor.{kind}.v1"),
        task: Some((task.id, task.reference.clone(), task.title.clone())),
        actor: actor.to_string(),
        time: days_ago(days),
    }
}

/// A project with nothing in it.
pub(super) fn empty(key: &str) -> Project {
    Project {
        id: Uuid::from_u128(u128::from(key.as_bytes()[0]) << 64),
        key: key.to_owned(),
        todo: 0,
        in_progress: 0,
        in_review: 0,
        done: 0,
        done_this_week: 0,
        overdue: Attention::default(),
        stuck: Attention::default(),
        unreviewed: Attention::default(),
        big: Attention::default(),
        next: Attention::default(),
        changes: Some(Changes::default()),
        newest: Position::new(1_772_700_000_000, 0),
    }
}

/// A project with something of everything.
pub(super) fn busy() -> Project {
    let login = Task {
        due_on: Some(day(-4)),
        ..task(12, "Fix the login redirect", Status::InProgress)
    };
    let legacy = Task {
        due_on: Some(day(-1)),
        ..task(4, "Answer the security audit", Status::Todo)
    };
    let importer = Task {
        updated_at: days_ago(9),
        ..task(7, "Rewrite the importer", Status::InProgress)
    };
    let search = Task {
        updated_at: days_ago(3),
        ..task(5, "Add search", Status::InReview)
    };
    let release = Task {
        open_steps: 6,
        ..task(9, "Plan the release", Status::Todo)
    };
    let changelog = task(14, "Write the changelog", Status::Todo);
    let icons = task(3, "Draw the icons", Status::Done);
    let stranger = Uuid::from_u128(0xb0);
    let latest = vec![
        change("comment.added", &search, 0, stranger),
        change("task.created", &changelog, 1, ASKER),
        change("comment.added", &search, 1, stranger),
        change("task.completed", &icons, 2, stranger),
        change("task.created", &release, 2, ASKER),
    ];
    let by_type = [
        ("comment.added", 2),
        ("task.created", 2),
        ("task.completed", 1),
    ];
    Project {
        todo: 3,
        in_progress: 2,
        in_review: 1,
        done: 14,
        done_this_week: 3,
        overdue: list(vec![login, legacy]),
        stuck: list(vec![importer]),
        unreviewed: list(vec![search]),
        big: list(vec![release.clone()]),
        next: list(vec![changelog, release]),
        changes: Some(Changes {
            total: 5,
            by_type: by_type
                .map(|(kind, count)| (format!("devmentor.{kind}.v1"), count))
                .into(),
            latest,
        }),
        ..empty("ECH")
    }
}

/// Every style.
pub(super) fn styles() -> Vec<Style> {
    DIMENSIONS
        .iter()
        .fold(vec![Style::default()], |styles, of| {
            let with = |style: &Style, choice: &str| {
                let mut style = style.clone();
                style
                    .choose(of.name, choice)
                    .expect("a choice of the table");
                style
            };
            let more = styles
                .iter()
                .flat_map(|style| of.choices.iter().map(move |choice| with(style, choice)));
            more.collect()
        })
}

/// `steps concise direct`
pub(super) fn name(style: &Style) -> String {
    let chosen: BTreeMap<_, _> = style.iter().collect();
    format!(
        "{} {} {}",
        chosen["form"], chosen["verbosity"], chosen["tone"]
    )
}

pub(super) fn ask(message: &str, projects: &[Project], style: &Style) -> Composed {
    let question = Question {
        message,
        asker: ASKER,
        now: now(),
    };
    compose(question, projects.to_vec(), None, style)
}
