//! A question and its reply. Nothing is shown that was not recorded.

use std::{sync::LazyLock, time::Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use prometheus::{Histogram, IntCounterVec, register_histogram, register_int_counter_vec};
use redis_contracts::{MentorMemory, Timestamp};
use service_kit::{Code, Problem, metrics::REQUEST_SECONDS};
use uuid::Uuid;

use super::{
    Answer, Records, Reply, SOURCE,
    memory::{memory_of, profile_of},
    records::{Idempotency, RecordOutcome},
};
use crate::{
    asker::Asker,
    domain::{
        mentor::{Composed, Project, Question, asked_task, compose},
        style::{Drawn, draw},
    },
    projects::Projects,
};

/// Projects looked at when none is named, the newest.
const MOST_PROJECTS: u32 = 20;

static REPLIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "devmentor_mentor_replies_total",
        "Replies that were recorded.",
        &["source"]
    )
    .expect("a metric is registered once")
});

static COMPOSING: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "devmentor_mentor_reply_duration_seconds",
        "Time from a question to its recorded reply.",
        REQUEST_SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// What a person writes to the mentor.
pub(crate) struct NewMessage {
    pub(crate) text: String,
    /// The conversation that goes on, which has to be there; none begins one.
    pub(crate) conversation_id: Option<Uuid>,
    /// The project it is about; none: all of theirs.
    pub(crate) project_id: Option<Uuid>,
}

/// Replies to questions.
pub(crate) struct Conversations {
    pub(super) records: Records,
    projects: Projects,
}

/// A reply before it is recorded, and what is recorded with it.
pub(super) struct Draft {
    pub(super) drawn: Drawn,
    pub(super) composed: Composed,
    pub(super) reply: Reply,
}

impl Conversations {
    pub(crate) const fn new(records: Records, projects: Projects) -> Self {
        Self { records, projects }
    }

    /// The recorded reply to a message, about the asker's own projects.
    pub(crate) async fn ask(
        &self,
        asker: &Asker,
        message: &NewMessage,
        idempotency: &Idempotency,
    ) -> Result<Answer<Reply>, Problem> {
        let began = Instant::now();
        let user_id = asker.user_id();
        if let Some(first) = self.records.first_answer(user_id, idempotency).await? {
            return Ok(Answer {
                value: Reply::from_stored(&first)?,
                replayed: true,
            });
        }
        self.records.share.admit(user_id)?;
        let draft = self.draft(asker, message).await?;
        match self.record(asker, message, &draft, idempotency).await? {
            RecordOutcome::Replayed(first) if idempotency.key_hash.is_some() => {
                let first = Reply::from_stored(&first)?;
                Ok(Answer {
                    // The script may have been sent twice; then it is the same call.
                    replayed: first.message_id != draft.reply.message_id,
                    value: first,
                })
            }
            RecordOutcome::Recorded(_) | RecordOutcome::Replayed(_) => {
                REPLIES.with_label_values(&[SOURCE]).inc();
                COMPOSING.observe(began.elapsed().as_secs_f64());
                Ok(Answer::first(draft.reply))
            }
        }
    }

    async fn draft(&self, asker: &Asker, message: &NewMessage) -> Result<Draft, Problem> {
        let (streams, user_id) = (&self.records.streams, asker.user_id());
        let (memory, profile) =
            tokio::try_join!(memory_of(streams, user_id), profile_of(streams, user_id))?;
        let projects = self.projects_of(asker, message.project_id, &memory).await?;
        let drawn = draw(&profile.style, &mut rand::rng());
        let question = Question {
            message: &message.text,
            asker: user_id,
            now: Timestamp::now(),
        };
        let task = match asked_task(&message.text, &projects) {
            Some(reference) => self.projects.task(asker, reference).await?,
            None => None,
        };
        let composed = compose(question, projects, task.as_ref(), &drawn.style);
        let reply = Reply {
            conversation_id: message.conversation_id.unwrap_or_else(Uuid::now_v7),
            message_id: Uuid::now_v7(),
            text: composed.text.clone(),
            style: drawn.style.clone(),
            references: composed.references.clone(),
            suggestions: composed.suggestions.clone(),
            source: SOURCE.to_owned(),
            profile_version: profile.version,
        };
        Ok(Draft {
            drawn,
            composed,
            reply,
        })
    }

    /// A project as it is now, or all active ones of the asker's where none is named.
    async fn projects_of(
        &self,
        asker: &Asker,
        project_id: Option<Uuid>,
        memory: &MentorMemory,
    ) -> Result<Vec<Project>, Problem> {
        let review = async |id| {
            let since = memory.seen.get(&id).copied();
            self.projects.review(asker, id, since).await
        };
        if let Some(project_id) = project_id {
            return Ok(vec![review(project_id).await?]);
        }
        let ids = self.projects.active(asker, MOST_PROJECTS).await?;
        // In the order of the projects, so that the same question gets the same answer; one after the other, for a
        // person is given one long read at a time.
        let reviews = stream::iter(ids).then(review);
        reviews
            .filter_map(async |review| match review {
                // It was deleted after it was listed.
                Err(problem) if problem.code == Code::NotFound => None,
                review => Some(review),
            })
            .try_collect()
            .await
    }
}
