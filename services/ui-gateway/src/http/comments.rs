//! Comments on tasks.

use redis_contracts::resource::Comment;
use rpc::project::{
    CreateCommentRequest, DeleteCommentRequest, ListCommentsRequest, UpdateCommentRequest,
};
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    reply::{Answer, created, done, found, page},
};

/// Members: newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
    let _turn = call.turn().await?;
    let request = signed.call(ListCommentsRequest {
        task_id: call.id("task")?,
        page: Some(call.query().page()?),
    });
    let answer = call
        .state
        .upstream
        .projects
        .clone()
        .list_comments(request)
        .await?
        .into_inner();
    page::<Comment, _>(answer.comments, answer.next_cursor)
}

/// Editors.
pub(super) async fn create(signed: Signed, mut call: Call) -> Answer {
    let task_id = call.id("task")?;
    let message = call
        .json(|body| CreateCommentRequest {
            task_id,
            body: body.text("body"),
        })
        .await?;
    let request = call.keyed(signed.call(message))?;
    created::<Comment, _>(
        call.state
            .upstream
            .projects
            .clone()
            .create_comment(request)
            .await?,
    )
}

/// The comment's author.
pub(super) async fn change(signed: Signed, mut call: Call) -> Answer {
    let id = id(&call)?;
    let body = call.patch(|body| body.optional_text("body")).await?;
    let request = signed.call(UpdateCommentRequest {
        id,
        body,
        if_version: call.precondition()?,
    });
    found::<Comment, _>(
        call.state
            .upstream
            .projects
            .clone()
            .update_comment(request)
            .await?,
    )
}

/// The comment's author, or the project's owner.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer {
    let id = id(&call)?;
    let if_version = call.precondition()?;
    let request = signed.call(DeleteCommentRequest { id, if_version });
    call.state
        .upstream
        .projects
        .clone()
        .delete_comment(request)
        .await?;
    done()
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("comment")
}
