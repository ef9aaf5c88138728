//! What to do and why, in each form.

use super::{
    draft::Draft,
    facts::{Project, Status},
    manner::{Form, Manner},
    phrases::{act, because, state, state_in_full, tag, tip, why},
    points::{Point, Reason},
    wording::{capital, counted, listed},
};

/// How each point of prose begins, in a direct and in a supportive reply.
const DIRECT: [&str; 5] = ["", "then ", "after that, ", "next, ", "in the end, "];
const SUPPORTIVE: [&str; 5] = [
    "a good first step is to ",
    "then you could ",
    "after that, you could ",
    "when there is time, you could ",
    "and in the end, you could ",
];

/// Points that a manner has room for.
pub(super) const fn room(manner: Manner) -> usize {
    match (manner.detailed, manner.form) {
        (true, _) => SUPPORTIVE.len(),
        (false, Form::Steps | Form::Example) => 3,
        (false, Form::Explanation) => 2,
    }
}

/// The points as text, with the suggestions that go with them.
pub(super) fn write(draft: &mut Draft, points: &[Point<'_>], manner: Manner) -> String {
    draft.suggest(points);
    match manner.form {
        Form::Steps => steps(draft, points, manner),
        Form::Example => example(draft, points, manner),
        Form::Explanation => explanation(draft, points, manner),
    }
}

/// What there is beyond the points shown, with the projects where it is.
pub(super) fn more(
    draft: &mut Draft,
    reasons: &[Reason],
    projects: &[Project],
    shown: &[Point<'_>],
) -> Option<String> {
    let mut more = Vec::new();
    for reason in reasons {
        let told = projects
            .iter()
            .flat_map(|project| &reason.list(project).tasks);
        let told = told.filter(|task| shown.iter().any(|point| point.task.id == task.id));
        let told = u32::try_from(told.count()).unwrap_or_default();
        let left = reason.total(projects).saturating_sub(told);
        let (one, many) = match reason {
            Reason::Overdue => ("other overdue task", "other overdue tasks"),
            Reason::Stuck => ("other stuck task", "other stuck tasks"),
            Reason::Unreviewed => (
                "other task that waits for review",
                "other tasks that wait for review",
            ),
            Reason::Big => ("other big task", "other big tasks"),
            Reason::Next | Reason::Later | Reason::Asked => ("other task", "other tasks"),
        };
        if left > 0 {
            more.push(counted(left, one, many));
            for project in projects.iter().filter(|of| reason.list(of).total > 0) {
                draft.project(project);
            }
        }
    }
    (!more.is_empty()).then(|| format!("There is more: {}.", listed(&more)))
}

/// One task that was asked about.
pub(super) fn about(draft: &mut Draft, point: &Point<'_>, manner: Manner) -> String {
    let task = draft.task(point.task);
    draft.suggest(std::slice::from_ref(point));
    let state = match manner.detailed {
        true => state_in_full(point, draft.now),
        false => format!("{}.", state(point, draft.now)),
    };
    let claim = format!("{task} {state}");
    if point.task.status == Status::Done {
        return claim;
    }
    let tip = tip(point.reason, point.task.status, manner.supportive);
    let act = match manner.supportive {
        true => format!("you could {}.", act(point, "it")),
        false => format!("{}.", act(point, "it")),
    };
    let why = match manner.detailed {
        true => why(point.reason),
        false => "",
    };
    match manner.form {
        Form::Steps => format!(
            "{}\n1. {}\n2. {tip}",
            sentences(&[&claim, why]),
            capital(&act)
        ),
        Form::Example => sentences(&[&claim, why, "One way forward:", &act, tip]),
        Form::Explanation => sentences(&[&claim, why, &capital(&act), tip]),
    }
}

/// A numbered list of what to do.
fn steps(draft: &mut Draft, points: &[Point<'_>], manner: Manner) -> String {
    let mut lines = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let task = draft.task(point.task);
        let beginning = if manner.supportive {
            SUPPORTIVE[place]
        } else {
            ""
        };
        let act = capital(&format!("{beginning}{}", act(point, &task)));
        let line = match manner.detailed {
            true => sentences(&[
                &format!("{act}. It {}", state_in_full(point, draft.now)),
                tip_once(points, place, manner),
            ]),
            false => format!("{act}: it {}.", state(point, draft.now)),
        };
        lines.push(format!("{}. {line}", place + 1));
    }
    if manner.detailed {
        lines.extend(order(points));
    }
    lines.join("\n")
}

/// The tip for a point, unless one of the same kind stands before it.
fn tip_once(points: &[Point<'_>], place: usize, manner: Manner) -> &'static str {
    let point = &points[place];
    match is_repeated(points, place) {
        true => "",
        false => tip(point.reason, point.task.status, manner.supportive),
    }
}

fn is_repeated(points: &[Point<'_>], place: usize) -> bool {
    let why_here = why(points[place].reason);
    let mut before = points[..place].iter();
    before.any(|point| why(point.reason) == why_here)
}

/// Why the points stand in this order, where that is not seen at once.
fn order(points: &[Point<'_>]) -> Option<String> {
    let mut reasons: Vec<_> = points
        .iter()
        .map(|point| match point.reason {
            Reason::Overdue => "what is overdue",
            Reason::Stuck => "what is stuck",
            Reason::Unreviewed => "what waits for review",
            Reason::Big => "what is big",
            Reason::Next | Reason::Later | Reason::Asked => "the order of the board",
        })
        .collect();
    reasons.dedup();
    let (first, rest) = reasons.split_first()?;
    (!rest.is_empty()).then(|| {
        format!(
            "In this order because {first} comes first, then {}.",
            rest.join(", then ")
        )
    })
}

/// The first point worked out; what follows it.
fn example(draft: &mut Draft, points: &[Point<'_>], manner: Manner) -> String {
    let Some((first, rest)) = points.split_first() else {
        return String::new();
    };
    let task = draft.task(first.task);
    let take = match manner.supportive {
        true => format!("Let us take {task} as an example"),
        false => format!("Take {task} as an example"),
    };
    let could = if manner.supportive { "you could " } else { "" };
    let so = format!("so {could}{}", act(first, "it"));
    let tip = tip(first.reason, first.task.status, manner.supportive);
    if !manner.detailed {
        let worked = format!("{take}: it {}, {so}. {tip}", state(first, draft.now));
        return sentences(&[&worked, &follow(draft, rest, manner)]);
    }
    let worked = sentences(&[
        &format!("{take}. It {}", state_in_full(first, draft.now)),
        why(first.reason),
        &format!("{}. {tip}", capital(&so)),
    ]);
    let mut lines = vec![worked];
    match rest.len() {
        0 => {}
        1 => lines.push("The other, in the same way:".to_owned()),
        _ => lines.push("The others, in the same way:".to_owned()),
    }
    for point in rest {
        let task = draft.task(point.task);
        let could = if manner.supportive { "you could " } else { "" };
        let act = act(point, "it");
        lines.push(format!(
            "- {task} {}, so {could}{act}.",
            state(point, draft.now)
        ));
    }
    lines.join("\n")
}

/// `After it come KEY-7 (stuck) and KEY-5 (big).`
fn follow(draft: &mut Draft, rest: &[Point<'_>], manner: Manner) -> String {
    let tasks: Vec<_> = rest
        .iter()
        .map(|point| format!("{} ({})", draft.short(point.task), tag(point.reason)))
        .collect();
    match (tasks.len(), manner.supportive) {
        (0, _) => String::new(),
        (1, false) => format!("After it comes {}.", listed(&tasks)),
        (_, false) => format!("After it come {}.", listed(&tasks)),
        (_, true) => format!("{} can follow.", listed(&tasks)),
    }
}

/// Prose that says why.
fn explanation(draft: &mut Draft, points: &[Point<'_>], manner: Manner) -> String {
    let mut paragraphs = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let task = draft.task(point.task);
        let act = act(point, &task);
        let act = match manner.supportive {
            true => format!("{}{act}", SUPPORTIVE[place]),
            false if place == 0 && points.len() > 1 => format!("{act} first"),
            false => format!("{}{act}", DIRECT[place]),
        };
        let act = capital(&act);
        let why = match is_repeated(points, place) {
            true => "",
            false => why(point.reason),
        };
        paragraphs.push(match (manner.detailed, place) {
            (true, _) => sentences(&[
                &format!("{act}. It {}", state_in_full(point, draft.now)),
                why,
                tip_once(points, place, manner),
            ]),
            (false, 0) => {
                let because = because(point.reason);
                format!("{act}: it {}, and {because}.", state(point, draft.now))
            }
            (false, _) => format!("{act}: it {}.", state(point, draft.now)),
        });
    }
    paragraphs.join(if manner.detailed { "\n\n" } else { " " })
}

/// Those that say something, with a blank between.
fn sentences(texts: &[&str]) -> String {
    let said: Vec<_> = texts
        .iter()
        .copied()
        .filter(|text| !text.is_empty())
        .collect();
    said.join(" ")
}
