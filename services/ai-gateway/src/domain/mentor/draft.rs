//! A reply while it is written: whatever it names it also refers to.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Composed, Question, Reference, ReferenceKind,
    facts::{Project, Task},
    phrases::Now,
    points::Point,
    suggestion,
    wording::{day_of, quoted},
};

const MOST_SUGGESTIONS: usize = 3;

/// A reply, and what is known while it is written.
pub(super) struct Draft {
    pub(super) reply: Composed,
    known: BTreeSet<Uuid>,
    /// Id of who asked, as events name actors.
    pub(super) asker: String,
    pub(super) now: Now,
}

impl Draft {
    pub(super) fn new(question: Question<'_>) -> Self {
        Self {
            reply: Composed::default(),
            known: BTreeSet::new(),
            asker: question.asker.to_string(),
            now: Now {
                day: day_of(question.now),
                unix_ms: question.now.unix_ms(),
            },
        }
    }

    /// Names a project.
    pub(super) fn project(&mut self, project: &Project) -> String {
        self.refer(ReferenceKind::Project, project.id, &project.key);
        project.key.clone()
    }

    /// Names a task, with its title.
    pub(super) fn task(&mut self, task: &Task) -> String {
        self.named_task(task.id, &task.reference, &task.title)
    }

    /// Names a task by its reference alone.
    pub(super) fn short(&mut self, task: &Task) -> String {
        self.refer(ReferenceKind::Task, task.id, &task.reference);
        task.reference.clone()
    }

    pub(super) fn named_task(&mut self, id: Uuid, reference: &str, title: &str) -> String {
        self.refer(ReferenceKind::Task, id, reference);
        format!("{reference} {}", quoted(title))
    }

    fn refer(&mut self, kind: ReferenceKind, id: Uuid, name: &str) {
        if self.known.insert(id) {
            self.reply.references.push(Reference {
                kind,
                id,
                name: name.to_owned(),
            });
        }
    }

    /// The asker now knows what happened in a project.
    pub(super) fn seen(&mut self, project: &Project) {
        self.reply.seen.insert(project.id, project.newest);
    }

    /// Suggests what can be done about tasks that the reply names: each kind once, then the others.
    pub(super) fn suggest(&mut self, points: &[Point<'_>]) {
        let all: Vec<_> = points
            .iter()
            .filter_map(|point| suggestion::of(point, self.now))
            .collect();
        let is_repeated = |place: &usize| {
            let mut before = all[..*place].iter();
            before.any(|before| before.kind == all[*place].kind)
        };
        let (repeated, first): (Vec<_>, Vec<_>) = (0..all.len()).partition(is_repeated);
        let chosen = first.into_iter().chain(repeated).take(MOST_SUGGESTIONS);
        let mut chosen: Vec<_> = chosen.collect();
        chosen.sort_unstable();
        let chosen = chosen.into_iter().map(|place| all[place].clone());
        self.reply.suggestions = chosen.collect();
    }
}
