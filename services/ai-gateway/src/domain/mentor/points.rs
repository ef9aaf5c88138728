//! What needs the asker, the most pressing first.

use std::collections::BTreeSet;

use super::{
    facts::{Attention, Project, Task},
    intent::Focus,
};

/// Why a task is told of, the most pressing reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Overdue,
    Stuck,
    Unreviewed,
    Big,
    /// The first to do on its board.
    Next,
    /// To do, further down its board.
    Later,
    /// It was asked about.
    Asked,
}

/// What presses, in this order.
pub(super) const PRESSING: [Reason; 4] = [
    Reason::Overdue,
    Reason::Stuck,
    Reason::Unreviewed,
    Reason::Big,
];

impl From<Focus> for Reason {
    fn from(focus: Focus) -> Self {
        match focus {
            Focus::Overdue => Self::Overdue,
            Focus::Stuck => Self::Stuck,
            Focus::Unreviewed => Self::Unreviewed,
            Focus::Big => Self::Big,
        }
    }
}

impl Reason {
    /// The list of a project that this is the reason of.
    pub(super) fn list(self, project: &Project) -> &Attention {
        match self {
            Self::Overdue => &project.overdue,
            Self::Stuck => &project.stuck,
            Self::Unreviewed => &project.unreviewed,
            Self::Big => &project.big,
            Self::Next | Self::Later | Self::Asked => &project.next,
        }
    }

    /// How many tasks of these projects it holds for.
    pub(super) fn total(self, projects: &[Project]) -> u32 {
        let totals = projects.iter().map(|project| self.list(project).total);
        totals.fold(0, u32::saturating_add)
    }
}

/// A task, and why it is told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<'a> {
    pub(super) reason: Reason,
    pub(super) task: &'a Task,
    /// It is on the list of what is big as well.
    pub(super) is_big: bool,
}

/// The points of one list.
pub(super) fn of_list(reason: Reason, projects: &[Project], most: usize) -> Vec<Point<'_>> {
    let mut points: Vec<_> = projects
        .iter()
        .flat_map(|project| list(reason, project))
        .collect();
    sort(&mut points);
    points.truncate(most);
    points
}

/// What to do next: from each list its first, then their others; the board only where these leave room.
pub(super) fn next(projects: &[Project], most: usize) -> Vec<Point<'_>> {
    let lists = PRESSING.map(|reason| of_list(reason, projects, usize::MAX));
    let rounds = lists.iter().map(Vec::len).max().unwrap_or_default();
    let pressing =
        (0..rounds).flat_map(|round| lists.iter().filter_map(move |list| list.get(round)));
    let on_board = of_list(Reason::Next, projects, usize::MAX);
    // One look at the board is enough while something presses.
    let room = if rounds > 0 { 1 } else { most };
    let mut known = BTreeSet::new();
    let mut points: Vec<Point<'_>> = pressing
        .copied()
        .filter(|point| known.insert(point.task.id))
        .take(most)
        .collect();
    let left = room.min(most - points.len());
    let board = on_board
        .into_iter()
        .filter(|point| known.insert(point.task.id));
    points.extend(board.take(left));
    // A task on several lists stands under its most pressing reason.
    for point in &mut points {
        let holds = |reason: &Reason| on_list(*reason, projects, point.task);
        point.reason = PRESSING.into_iter().find(holds).unwrap_or(point.reason);
    }
    sort(&mut points);
    points
}

/// A task by its reference, where any list has it.
pub(super) fn asked<'a>(reference: &str, projects: &'a [Project]) -> Option<Point<'a>> {
    let reasons = PRESSING.into_iter().chain([Reason::Next]);
    let mut points = reasons.flat_map(|reason| of_list(reason, projects, usize::MAX));
    points.find(|point| point.task.reference == reference)
}

fn list(reason: Reason, project: &Project) -> impl Iterator<Item = Point<'_>> {
    let tasks = reason.list(project).tasks.iter().enumerate();
    tasks.map(move |(place, task)| Point {
        reason: match reason {
            Reason::Next if place > 0 => Reason::Later,
            reason => reason,
        },
        task,
        is_big: on_list(Reason::Big, std::slice::from_ref(project), task),
    })
}

fn on_list(reason: Reason, projects: &[Project], task: &Task) -> bool {
    let mut tasks = projects
        .iter()
        .flat_map(|project| &reason.list(project).tasks);
    tasks.any(|listed| listed.id == task.id)
}

/// By reason; within one the longest overdue, the longest unchanged, the biggest; the board as it is.
fn sort(points: &mut [Point<'_>]) {
    points.sort_by(|a, b| {
        let (one, other) = (a.task, b.task);
        a.reason.cmp(&b.reason).then_with(|| match a.reason {
            Reason::Overdue => one.due_on.cmp(&other.due_on),
            Reason::Stuck | Reason::Unreviewed => one.updated_at.cmp(&other.updated_at),
            Reason::Big => other.open_steps.cmp(&one.open_steps),
            Reason::Next | Reason::Later | Reason::Asked => std::cmp::Ordering::Equal,
        })
    });
}
