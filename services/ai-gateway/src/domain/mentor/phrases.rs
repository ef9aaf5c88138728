//! What is said of a task, by the reason it is told for.

use time::Date;

use super::{
    facts::{Status, Task},
    points::{Point, Reason},
    wording::{counted, date, day_of, days},
};

const DAY_MS: i64 = 86_400_000;

/// The moment it is said at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) day: Date,
    pub(super) unix_ms: i64,
}

impl Now {
    /// Whole days that a task is unchanged.
    pub(super) fn unchanged_days(self, task: &Task) -> i64 {
        (self.unix_ms - task.updated_at.unix_ms()).max(0) / DAY_MS
    }
}

/// What to do with it; `it` stands for the task.
pub(super) fn act(point: &Point<'_>, it: &str) -> String {
    match (point.reason, point.task.status) {
        (Reason::Stuck, _) => format!("get {it} moving again"),
        (Reason::Unreviewed, _) | (Reason::Asked, Status::InReview) => format!("review {it}"),
        (Reason::Big, _) => format!("split {it}"),
        (_, Status::Todo) => format!("start {it}"),
        (_, Status::InProgress) => format!("finish {it}"),
        (_, Status::InReview) => format!("get {it} through review"),
        (_, Status::Done) => format!("leave {it} as it is"),
    }
}

/// What is so, after the task or `it`: short, with how long.
pub(super) fn state(point: &Point<'_>, now: Now) -> String {
    let task = point.task;
    let unchanged = days(now.unchanged_days(task));
    match point.reason {
        Reason::Overdue => format!("was due {}", due_when(task, now)),
        Reason::Stuck => format!("has not changed for {unchanged}"),
        Reason::Unreviewed => format!("has waited in review for {unchanged}"),
        Reason::Big => format!("has {}", steps(task)),
        Reason::Next => format!("is next on the board{}", due(task, now)),
        Reason::Later => format!("follows on the board{}", due(task, now)),
        Reason::Asked => format!("is {}{}", column(task.status), due(task, now)),
    }
}

/// What is so, with its days and numbers; whole sentences after the task or `it`.
pub(super) fn state_in_full(point: &Point<'_>, now: Now) -> String {
    let task = point.task;
    let changed_on = date(day_of(task.updated_at));
    let state = state(point, now);
    let mut text = match (point.reason, task.due_on) {
        (Reason::Overdue, Some(day)) => format!(
            "was due on {}, {}, and is still {}",
            date(day),
            due_when(task, now),
            column(task.status)
        ),
        (Reason::Stuck, _) => format!(
            "has been in progress without a change for {}, since {changed_on}",
            days(now.unchanged_days(task))
        ),
        (Reason::Unreviewed, _) => format!("{state}, since {changed_on}"),
        (Reason::Asked, _) => format!("{state}. It was last changed on {changed_on}"),
        (Reason::Overdue | Reason::Big | Reason::Next | Reason::Later, _) => state,
    };
    if point.is_big && point.reason != Reason::Big {
        text.push_str(&format!(". It also has {}", steps(task)));
    }
    text.push('.');
    text
}

/// Why that counts, after `and`.
pub(super) const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Overdue => "what is overdue comes before everything else",
        Reason::Stuck => "work that stands still rarely starts again by itself",
        Reason::Unreviewed => "it is not done until somebody has looked at it",
        Reason::Big => "small tasks are easier to finish",
        Reason::Next | Reason::Later => "nothing more pressing is waiting",
        Reason::Asked => "it is what you asked about",
    }
}

/// Why that counts, a sentence.
pub(super) const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Overdue => "What is overdue comes first: somebody may have counted on that day.",
        Reason::Stuck => "Work that stands still usually waits for a decision or for help.",
        Reason::Unreviewed => "Work in review counts only once somebody has looked at it.",
        Reason::Big => "Small tasks are easier to finish, and their progress can be seen.",
        Reason::Next | Reason::Later => "The order of the board decides what comes here.",
        Reason::Asked => "",
    }
}

/// How to go about it, a sentence.
pub(super) const fn tip(reason: Reason, status: Status, supportive: bool) -> &'static str {
    match (reason, status, supportive) {
        (Reason::Overdue, _, false) => "If that cannot be today, set a date that holds.",
        (Reason::Overdue, _, true) => "If today is too soon, a new date that holds is fine too.",
        (Reason::Stuck, _, false) => "Write down what blocks it, or ask for a review.",
        (Reason::Stuck, _, true) => {
            "Writing down what blocks it often helps, and so does a review."
        }
        (Reason::Unreviewed, _, false) | (Reason::Asked, Status::InReview, false) => {
            "Then close it, or send it back."
        }
        (Reason::Unreviewed, _, true) | (Reason::Asked, Status::InReview, true) => {
            "A short look is often enough to close it or to send it back."
        }
        (Reason::Big, _, false) => "Make each open step a task of its own.",
        (Reason::Big, _, true) => "Each open step can become a task of its own.",
        (Reason::Asked, Status::InProgress, false) => "Move it to review when it is ready.",
        (Reason::Asked, Status::InProgress, true) => {
            "Once it is ready, moving it to review is all it takes."
        }
        (Reason::Asked, Status::Done, _) => "",
        (Reason::Next | Reason::Later | Reason::Asked, _, false) => {
            "Move it to in progress when you begin."
        }
        (Reason::Next | Reason::Later | Reason::Asked, _, true) => {
            "Moving it to in progress is enough to begin."
        }
    }
}

/// What it is, in brackets after its reference.
pub(super) const fn tag(reason: Reason) -> &'static str {
    match reason {
        Reason::Overdue => "overdue",
        Reason::Stuck => "stuck",
        Reason::Unreviewed => "waiting for review",
        Reason::Big => "big",
        Reason::Next => "next on the board",
        Reason::Later => "further down the board",
        Reason::Asked => "asked about",
    }
}

/// Where a task stands, after `is`.
pub(super) const fn column(status: Status) -> &'static str {
    match status {
        Status::Todo => "to do",
        Status::InProgress => "in progress",
        Status::InReview => "in review",
        Status::Done => "done",
    }
}

pub(super) fn steps(task: &Task) -> String {
    counted(task.open_steps, "open step", "open steps")
}

/// ` and due in 3 days`, ` and was due yesterday`, or nothing.
fn due(task: &Task, now: Now) -> String {
    match task.due_on {
        None => String::new(),
        Some(_) if task.status == Status::Done => String::new(),
        Some(day) if day < now.day => format!(" and was due {}", due_when(task, now)),
        Some(_) => format!(" and due {}", due_when(task, now)),
    }
}

fn due_when(task: &Task, now: Now) -> String {
    let ahead = task.due_on.map_or(0, |day| (day - now.day).whole_days());
    match ahead {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2.. => format!("in {}", days(ahead)),
        _ => format!("{} ago", days(-ahead)),
    }
}
