//! Tasks over gRPC.

use redis_contracts::resource::{Task, TaskStatus};
use rpc::project::{self as api, update_task_request};
use service_kit::{Checker, Problem, page::Limit};
use tonic::Response;
use uuid::Uuid;

use super::{Call, Projects, answer, id, replayed};
use crate::{
    domain::{
        board::{TASK_STATUSES, column},
        cursor::BoardCursor,
        fields::{Fields, LONGEST_TEXT, LONGEST_TITLE},
    },
    store::{CreateTask, DeleteTask, Idempotent, Once, Place, Remainder, TaskFilter, UpdateTask},
};

impl Projects {
    /// The project's owner.
    pub(super) async fn create_task(
        &self,
        call: Call<api::CreateTaskRequest>,
    ) -> Result<Response<api::Task>, Problem> {
        let actor = call.actor();
        let asked = call.message;
        let mut checker = Checker::default();
        if let Some(day) = &asked.due_on {
            checker.day("due_on", day);
        }
        let mutation = CreateTask {
            project_id: id(&asked.project_id, "project")?,
            title: checker.title("title", &asked.title),
            description: checker.text("description", &asked.description, 0, LONGEST_TEXT),
            status: match asked.status.as_str() {
                "" => TaskStatus::Todo,
                name => status(&mut checker, name),
            },
            labels: checker.task_labels("labels", &asked.labels),
            due_on: asked.due_on,
        };
        checker.finish()?;
        let key = call.idempotency;
        self.writer
            .write(actor, Idempotent { key, mutation })
            .await
            .map(answer)
    }

    /// The project's owner.
    pub(super) async fn list_tasks(
        &self,
        call: Call<api::ListTasksRequest>,
    ) -> Result<Response<api::ListTasksResponse>, Problem> {
        let owner = call.owner();
        let asked = call.message;
        let page = asked.page.unwrap_or_default();
        let limit = Limit::asked(page.limit)?;
        let after = BoardCursor::read(&page.cursor)?;
        let mut checker = Checker::default();
        let filter = TaskFilter {
            status: asked.status.map(|name| status(&mut checker, &name)),
            label: asked
                .label
                .map(|label| checker.text("label", &label, 1, LONGEST_TITLE)),
            text: asked
                .q
                .map(|text| checker.text("q", &text, 1, LONGEST_TITLE)),
        };
        checker.finish()?;
        let project_id = id(&asked.project_id, "project")?;
        let tasks = self
            .store
            .tasks(owner, project_id, filter, after, limit)
            .await?;
        let cursor = |task: &Task| {
            BoardCursor {
                column: column(task.status),
                position: task.position.clone(),
                id: task.id,
            }
            .write()
        };
        let (tasks, next_cursor) = tasks.end(cursor);
        Ok(Response::new(api::ListTasksResponse {
            next_cursor,
            tasks: tasks.into_iter().map(Into::into).collect(),
        }))
    }

    /// The project's owner.
    pub(super) async fn get_task(
        &self,
        call: Call<api::GetTaskRequest>,
    ) -> Result<Response<api::Task>, Problem> {
        let id = id(&call.message.id, "task")?;
        let task = self.store.task(call.owner(), id).await?;
        Ok(Response::new(task.into()))
    }

    /// The project's owner.
    pub(super) async fn find_task(
        &self,
        call: Call<api::FindTaskRequest>,
    ) -> Result<Response<api::Task>, Problem> {
        let not_found = || Problem::not_found("task");
        let (key, number) = call.message.r#ref.split_once('-').ok_or_else(not_found)?;
        let number = number.parse::<i64>().map_err(|_| not_found())?;
        let task = self.store.task_at(call.owner(), key, number).await?;
        Ok(Response::new(task.into()))
    }

    /// The project's owner.
    pub(super) async fn update_task(
        &self,
        call: Call<api::UpdateTaskRequest>,
    ) -> Result<Response<api::Task>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let asked = call.message;
        let mut checker = Checker::default();
        if let Some(day) = asked.due_on.as_ref().filter(|day| !day.is_empty()) {
            checker.day("due_on", day);
        }
        let mutation = UpdateTask {
            id: id(&asked.id, "task")?,
            title: asked.title.map(|title| checker.title("title", &title)),
            description: asked
                .description
                .map(|text| checker.text("description", &text, 0, LONGEST_TEXT)),
            labels: asked
                .labels
                .map(|labels| checker.task_labels("labels", &labels.values)),
            due_on: asked
                .due_on
                .map(|day| Some(day).filter(|day| !day.is_empty())),
            status: asked.status.map(|name| status(&mut checker, &name)),
            place: asked.place.map(|place| place_of(&mut checker, place)),
            if_version: asked.if_version,
        };
        checker.finish()?;
        let (id, owner) = (mutation.id, actor.user_id);
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(task) => Ok(Response::new(task.into())),
            None => Ok(replayed(self.store.task(owner, id).await?.into())),
        }
    }

    /// The project's owner.
    pub(super) async fn delete_task(
        &self,
        call: Call<api::DeleteTaskRequest>,
    ) -> Result<Response<api::DeleteTaskResponse>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let mutation = DeleteTask {
            id: id(&call.message.id, "task")?,
            if_version: call.message.if_version,
        };
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(Remainder::More) => self.deleted.notify_one(),
            Some(Remainder::Nothing) => {}
            None => return Ok(replayed(api::DeleteTaskResponse {})),
        }
        Ok(Response::new(api::DeleteTaskResponse {}))
    }
}

fn status(checker: &mut Checker, name: &str) -> TaskStatus {
    TaskStatus::from_name(name).unwrap_or_else(|| {
        checker.refuse("status", TASK_STATUSES);
        TaskStatus::Todo
    })
}

fn place_of(checker: &mut Checker, place: update_task_request::Place) -> Place {
    let (field, text) = match &place {
        update_task_request::Place::AfterId(text) => ("after_id", text),
        update_task_request::Place::BeforeId(text) => ("before_id", text),
    };
    let id = Uuid::try_parse(text).unwrap_or_else(|_| {
        checker.refuse(field, "the id of a task");
        Uuid::nil()
    });
    match place {
        update_task_request::Place::AfterId(_) => Place::After(id),
        update_task_request::Place::BeforeId(_) => Place::Before(id),
    }
}
