//! Comments over gRPC.

use rpc::project as api;
use service_kit::{Checker, Problem, page::Limit};
use tonic::Response;

use super::{Call, Projects, answer, id, replayed};
use crate::{
    domain::{cursor::TimeCursor, fields::LONGEST_TEXT},
    store::{CreateComment, DeleteComment, Idempotent, Once, UpdateComment},
};

fn body(text: &str) -> Result<String, Problem> {
    let mut checker = Checker::default();
    let body = checker.text("body", text, 1, LONGEST_TEXT);
    checker.finish().map(|()| body)
}

impl Projects {
    /// The project's owner.
    pub(super) async fn create_comment(
        &self,
        call: Call<api::CreateCommentRequest>,
    ) -> Result<Response<api::Comment>, Problem> {
        let mutation = CreateComment {
            task_id: id(&call.message.task_id, "task")?,
            body: body(&call.message.body)?,
        };
        let actor = call.actor();
        let key = call.idempotency;
        self.writer
            .write(actor, Idempotent { key, mutation })
            .await
            .map(answer)
    }

    /// The project's owner.
    pub(super) async fn list_comments(
        &self,
        call: Call<api::ListCommentsRequest>,
    ) -> Result<Response<api::ListCommentsResponse>, Problem> {
        let page = call.message.page.clone().unwrap_or_default();
        let limit = Limit::asked(page.limit)?;
        let after = TimeCursor::read(&page.cursor)?;
        let task_id = id(&call.message.task_id, "task")?;
        let comments = self
            .store
            .comments(call.owner(), task_id, after, limit)
            .await?;
        let cursor = |comment: &redis_contracts::resource::Comment| {
            let unix_ms = comment.created_at.unix_ms();
            TimeCursor {
                unix_ms,
                id: comment.id,
            }
            .write()
        };
        let (comments, next_cursor) = comments.end(cursor);
        Ok(Response::new(api::ListCommentsResponse {
            next_cursor,
            comments: comments.into_iter().map(Into::into).collect(),
        }))
    }

    /// The project's owner.
    pub(super) async fn get_comment(
        &self,
        call: Call<api::GetCommentRequest>,
    ) -> Result<Response<api::Comment>, Problem> {
        let id = id(&call.message.id, "comment")?;
        let comment = self.store.comment(call.owner(), id).await?;
        Ok(Response::new(comment.into()))
    }

    /// The comment's author.
    pub(super) async fn update_comment(
        &self,
        call: Call<api::UpdateCommentRequest>,
    ) -> Result<Response<api::Comment>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let asked = call.message;
        let mutation = UpdateComment {
            id: id(&asked.id, "comment")?,
            body: asked.body.as_deref().map(body).transpose()?,
            if_version: asked.if_version,
        };
        let (id, owner) = (mutation.id, actor.user_id);
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(comment) => Ok(Response::new(comment.into())),
            None => Ok(replayed(self.store.comment(owner, id).await?.into())),
        }
    }

    /// The project's owner.
    pub(super) async fn delete_comment(
        &self,
        call: Call<api::DeleteCommentRequest>,
    ) -> Result<Response<api::DeleteCommentResponse>, Problem> {
        let (actor, key) = (call.actor(), call.idempotency);
        let mutation = DeleteComment {
            id: id(&call.message.id, "comment")?,
            if_version: call.message.if_version,
        };
        match self.writer.write(actor, Once { key, mutation }).await? {
            Some(()) => Ok(Response::new(api::DeleteCommentResponse {})),
            None => Ok(replayed(api::DeleteCommentResponse {})),
        }
    }
}
