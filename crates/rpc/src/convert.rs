//! Between messages and the contracts' resources. The JSON of a resource is written once, in
//! `redis-contracts`; this is the only other place that lists its fields.

use prost_types::Timestamp as ProtoTime;
use redis_contracts::{
    Timestamp,
    resource::{Author, Comment, Project, Task, TaskStatus, User},
};
use uuid::Uuid;

use crate::{auth, project};

/// A message whose field does not hold what its contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "field `{}` is missing or malformed", self.0)
    }
}

impl std::error::Error for Malformed {}

/// A moment as a message.
pub fn timestamp(moment: Timestamp) -> ProtoTime {
    let ms = moment.unix_ms();
    ProtoTime {
        seconds: ms.div_euclid(1000),
        nanos: i32::try_from(ms.rem_euclid(1000)).unwrap_or_default() * 1_000_000,
    }
}

/// A message as a moment.
pub fn timestamp_from(message: &ProtoTime) -> Timestamp {
    let ms = message.seconds.saturating_mul(1000);
    Timestamp::from_unix_ms(ms.saturating_add(i64::from(message.nanos) / 1_000_000))
}

fn moment(message: Option<ProtoTime>, field: &'static str) -> Result<Timestamp, Malformed> {
    message.as_ref().map(timestamp_from).ok_or(Malformed(field))
}

fn uuid(text: &str, field: &'static str) -> Result<Uuid, Malformed> {
    Uuid::try_parse(text).map_err(|_| Malformed(field))
}

impl From<User> for auth::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            handle: user.handle,
            roles: user.roles,
            email_verified: user.email_verified,
            pending_email: user.pending_email,
            second_factor: user.second_factor,
            created_at: Some(timestamp(user.created_at)),
        }
    }
}

impl TryFrom<auth::User> for User {
    type Error = Malformed;

    fn try_from(user: auth::User) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(&user.id, "id")?,
            email: user.email,
            handle: user.handle,
            roles: user.roles,
            email_verified: user.email_verified,
            pending_email: user.pending_email,
            second_factor: user.second_factor,
            created_at: moment(user.created_at, "created_at")?,
        })
    }
}

impl From<Project> for project::Project {
    fn from(from: Project) -> Self {
        Self {
            id: from.id.to_string(),
            key: from.key,
            name: from.name,
            description: from.description,
            status: from.status,
            role: from.role,
            version: from.version,
            created_at: Some(timestamp(from.created_at)),
            updated_at: Some(timestamp(from.updated_at)),
        }
    }
}

impl TryFrom<project::Project> for Project {
    type Error = Malformed;

    fn try_from(from: project::Project) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(&from.id, "id")?,
            key: from.key,
            name: from.name,
            description: from.description,
            status: from.status,
            role: from.role,
            version: from.version,
            created_at: moment(from.created_at, "created_at")?,
            updated_at: moment(from.updated_at, "updated_at")?,
        })
    }
}

impl From<Author> for project::Author {
    fn from(author: Author) -> Self {
        Self {
            user_id: author.user_id.map(|id| id.to_string()).unwrap_or_default(),
            name: author.name,
        }
    }
}

fn author(message: Option<project::Author>) -> Result<Author, Malformed> {
    let message = message.ok_or(Malformed("author"))?;
    let user_id = match message.user_id.as_str() {
        "" => None,
        id => Some(uuid(id, "author.user_id")?),
    };
    Ok(Author {
        user_id,
        name: message.name,
    })
}

impl From<Task> for project::Task {
    fn from(task: Task) -> Self {
        Self {
            id: task.id.to_string(),
            project_id: task.project_id.to_string(),
            r#ref: task.reference,
            title: task.title,
            description: task.description,
            status: task.status.name().to_owned(),
            labels: task.labels,
            due_on: task.due_on,
            position: task.position,
            author: Some(task.author.into()),
            external_ref: task.external_ref,
            comment_count: task.comment_count,
            version: task.version,
            created_at: Some(timestamp(task.created_at)),
            updated_at: Some(timestamp(task.updated_at)),
            completed_at: task.completed_at.map(timestamp),
        }
    }
}

impl TryFrom<project::Task> for Task {
    type Error = Malformed;

    fn try_from(task: project::Task) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(&task.id, "id")?,
            project_id: uuid(&task.project_id, "project_id")?,
            reference: task.r#ref,
            title: task.title,
            description: task.description,
            status: TaskStatus::from_name(&task.status).ok_or(Malformed("status"))?,
            labels: task.labels,
            due_on: task.due_on,
            position: task.position,
            author: author(task.author)?,
            external_ref: task.external_ref,
            comment_count: task.comment_count,
            version: task.version,
            created_at: moment(task.created_at, "created_at")?,
            updated_at: moment(task.updated_at, "updated_at")?,
            completed_at: task.completed_at.as_ref().map(timestamp_from),
        })
    }
}

impl From<Comment> for project::Comment {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id.to_string(),
            task_id: comment.task_id.to_string(),
            author: Some(comment.author.into()),
            body: comment.body,
            external_ref: comment.external_ref,
            version: comment.version,
            created_at: Some(timestamp(comment.created_at)),
            updated_at: Some(timestamp(comment.updated_at)),
        }
    }
}

impl TryFrom<project::Comment> for Comment {
    type Error = Malformed;

    fn try_from(comment: project::Comment) -> Result<Self, Malformed> {
        Ok(Self {
            id: uuid(&comment.id, "id")?,
            task_id: uuid(&comment.task_id, "task_id")?,
            author: author(comment.author)?,
            body: comment.body,
            external_ref: comment.external_ref,
            version: comment.version,
            created_at: moment(comment.created_at, "created_at")?,
            updated_at: moment(comment.updated_at, "updated_at")?,
        })
    }
}
