//! What happened before: each kind of topic knows where its history is.

mod people;
mod projects;

use std::time::Duration;

use identity::{Caller, Guard};
use redis_access::{Backoff, Entry, StreamsPool};
use redis_contracts::{Position, Topic};
use rpc::project::project_service_client::ProjectServiceClient;
use service_kit::{
    Code, Problem, RequestContext,
    line::{Line, Places, Turn},
};
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use uuid::Uuid;

use self::{people::People, projects::Projects};
use super::bite::Bite;

/// Readings at once in the whole process, of projects and of what people were told: apart, for they
/// depend on different services. Together they leave one of Redis' connections for bulk work (16 by
/// default) to the reader, who repairs what was missed for all.
const PROJECTS_AT_ONCE: usize = 12;
const PEOPLE_AT_ONCE: usize = 3;

/// Longest wait for a turn: the web app takes a socket that answers nothing for 10 s as lost.
const TURN_WITHIN: Duration = Duration::from_secs(7);

/// Longest wait for where a reader stands: a subscription is answered within a second of its turn.
const STANDING_WITHIN: Duration = Duration::from_millis(900);

/// Longest wait for one reading of a history.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Longest wait for a history that is away.
const WAIT_FOR: Duration = Duration::from_secs(10);

/// Reads histories. Cheap to clone.
#[derive(Clone)]
pub(super) struct History {
    projects: Projects,
    people: People,
    of_projects: Line,
    of_people: Line,
}

/// On whose behalf a history is read.
#[derive(Clone)]
pub(super) struct Reading {
    /// Who they are.
    pub(super) caller: Caller,
    /// Has a good token of theirs, also when the one they came with has expired.
    pub(super) guard: Guard,
    /// The request.
    pub(super) context: RequestContext,
}

impl Reading {
    fn person(&self) -> Uuid {
        self.caller.user().id
    }

    /// A call to another service on their behalf.
    async fn call<T>(&self, message: T) -> Result<tonic::Request<T>, Problem> {
        let token = self.guard.good_token(&self.caller, &self.context).await?;
        Ok(self.context.call(Some(&token), message))
    }
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplayStart {
    /// The position to go on from: the reader's, or the newest after a gap.
    pub(super) from: Position,
    /// The position of the newest event.
    pub(super) newest: Position,
    /// Events between the two.
    pub(super) behind: u32,
    /// What is before `from` has to be read from a snapshot.
    pub(super) gap: bool,
}

impl ReplayStart {
    /// Of a reader that has missed nothing.
    const fn at(newest: Position) -> Self {
        Self {
            from: newest,
            newest,
            behind: 0,
            gap: false,
        }
    }

    const fn after_a_gap(self) -> Self {
        Self { gap: true, ..self }
    }
}

impl History {
    pub(super) fn new(streams: StreamsPool, service: ProjectServiceClient<Channel>) -> Self {
        Self {
            people: People {
                streams: streams.clone(),
            },
            projects: Projects { streams, service },
            of_projects: line(PROJECTS_AT_ONCE),
            of_people: line(PEOPLE_AT_ONCE),
        }
    }

    /// Where a reader at `after` stands in a topic; refused for one it may not see.
    pub(super) async fn standing(
        &self,
        topic: Topic,
        after: Option<&str>,
        reading: &Reading,
    ) -> Result<ReplayStart, Problem> {
        let _turn = self.turn(topic, reading.person()).await?;
        let asked = async {
            match topic {
                Topic::Project(id) => self.projects.standing(id, after, reading).await,
                Topic::User(id) => self.people.standing(id, after, reading).await,
            }
        };
        let answer = timeout(STANDING_WITHIN, asked).await;
        answer.map_err(|_| away())?
    }

    /// Events right after a position, in order; none when there are none yet. What is away is waited
    /// for a while: whoever was live before it went would else have to begin anew. Also the bite that
    /// fits those that come next.
    pub(super) async fn after(
        &self,
        topic: Topic,
        position: Position,
        mut bite: Bite,
        reading: &Reading,
    ) -> Result<(Vec<Entry>, Bite), Problem> {
        let give_up_at = Instant::now() + WAIT_FOR;
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(250));
        loop {
            match self.read_after(topic, position, bite, reading).await {
                Ok(entries) => {
                    bite = bite.after(&entries);
                    return Ok((entries, bite));
                }
                Err(problem)
                    if problem.code == Code::Unavailable && Instant::now() < give_up_at =>
                {
                    bite = bite.halved();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                Err(problem) => return Err(problem),
            }
        }
    }

    async fn read_after(
        &self,
        topic: Topic,
        position: Position,
        bite: Bite,
        reading: &Reading,
    ) -> Result<Vec<Entry>, Problem> {
        let _turn = self.turn(topic, reading.person()).await?;
        let read = async {
            match topic {
                Topic::Project(id) => self.projects.after(id, position, bite, reading).await,
                Topic::User(id) => self.people.after(id, position).await,
            }
        };
        timeout(READ_WITHIN, read).await.map_err(|_| away())?
    }

    async fn turn(&self, topic: Topic, person: Uuid) -> Result<Turn, Problem> {
        let line = match topic {
            Topic::Project(_) => &self.of_projects,
            Topic::User(_) => &self.of_people,
        };
        let turn = line.turn(person, TURN_WITHIN).await;
        turn.map_err(|_| away())
    }
}

/// Few at once in the process, so that a thousand clients that come back together do not stall those that
/// are live, and fewer a person, so that nobody's sockets take the turns of others.
fn line(in_all: usize) -> Line {
    Line::new(Places {
        in_all,
        of_each: 2,
        waiting_of_each: 1024,
    })
}

fn away() -> Problem {
    Problem::unavailable("The history")
}
