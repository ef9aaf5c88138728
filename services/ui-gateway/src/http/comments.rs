//! Comments on tasks.

use redis_contracts::resource::Comment;
use rpc::project::{
    CreateCommentRequest, DeleteCommentRequest, GetCommentRequest, ListCommentsRequest,
    UpdateCommentRequest,
};
use service_kit::Problem;

use super::{
    Failure, Signed,
    call::Call,
    reply::{Answer, created, done, found, page},
};

/// Members: newest first.
pub(super) async fn list(signed: Signed, call: Call) -> Answer {
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
    let if_version = if_version(&signed, &call, &id).await?;
    let mut projects = call.state.upstream.projects.clone();
    let answer = match body {
        Some(body) => {
            projects
                .update_comment(signed.call(UpdateCommentRequest {
                    id,
                    body,
                    if_version,
                }))
                .await?
        }
        // An empty patch changes nothing, and its precondition is still that of a change.
        None => {
            let current = projects
                .get_comment(signed.call(GetCommentRequest { id }))
                .await?;
            super::precondition::require(if_version, current.get_ref().version)?;
            current
        }
    };
    found::<Comment, _>(answer)
}

/// The comment's author, or the project's owner.
pub(super) async fn delete(signed: Signed, call: Call) -> Answer {
    let id = id(&call)?;
    let if_version = if_version(&signed, &call, &id).await?;
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

async fn if_version(signed: &Signed, call: &Call, id: &str) -> Result<Option<u64>, Failure> {
    let current = async || {
        let request = signed.call(GetCommentRequest { id: id.to_owned() });
        let answer = call
            .state
            .upstream
            .projects
            .clone()
            .get_comment(request)
            .await?;
        Ok(answer.into_inner().version)
    };
    call.precondition()?.version(current).await
}
