//! Comments on tasks.

use redis_contracts::resource::Comment;
use rpc::project::{
    CreateCommentRequest, DeleteCommentRequest, ListCommentsRequest, UpdateCommentRequest,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use service_kit::Problem;

use super::{
    Signed,
    call::Call,
    idempotency::IdempotencyKey,
    input::{Json, MergePatch, Query},
    precondition::IfMatch,
    reply::{
        Answer, Created, Done, Found, InTurn, Once, Page, Plain, changed, created, gone, page,
    },
};
use crate::contract::{Optional, PageQuery};

/// A new comment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"body": "It works now."}))]
pub(super) struct NewComment {
    /// Text.
    body: String,
}

/// Changes of a comment.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = json!({"body": "It works again."}))]
pub(super) struct CommentPatch {
    /// Text.
    body: Optional<String>,
}

/// Members: newest first.
pub(super) async fn list(
    signed: Signed,
    call: Call,
    query: Query<PageQuery>,
) -> Answer<InTurn<Plain<Page<Comment>>>> {
    let task_id = call.id("task")?;
    let query = query.read(&call)?;
    let turn = Some(call.turn().await?);
    let request = signed.call(ListCommentsRequest {
        task_id,
        page: Some(query.into()),
    });
    let answer = call.projects().list_comments(request).await?.into_inner();
    let reply = page::<Comment, _>(answer.comments, answer.next_cursor)?;
    Ok(InTurn { reply, turn })
}

/// Editors.
pub(super) async fn create(
    signed: Signed,
    mut call: Call,
    body: Json<NewComment>,
    key: IdempotencyKey,
) -> Answer<InTurn<Created<Comment>>> {
    let task_id = call.id("task")?;
    let NewComment { body } = body.read(&mut call).await?;
    let request = key.on(signed.call(CreateCommentRequest { task_id, body }))?;
    let changed = call.projects().create_comment(request).await?;
    let turn = call.turn_after_change(&changed).await;
    let reply = created::<Comment, _>(changed)?;
    Ok(InTurn { reply, turn })
}

/// The comment's author.
pub(super) async fn change(
    signed: Signed,
    mut call: Call,
    body: MergePatch<CommentPatch>,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<InTurn<Once<Found<Comment>>>> {
    let id = id(&call)?;
    let patch = body.read(&mut call).await?;
    let request = key.on(signed.call(UpdateCommentRequest {
        id,
        body: patch.body.0,
        if_version: if_match.versions()?,
    }))?;
    let answer = call.projects().update_comment(request).await?;
    let turn = call.turn_after_change(&answer).await;
    let reply = changed::<Comment, _>(answer)?;
    Ok(InTurn { reply, turn })
}

/// The comment's author, or the project's owner.
pub(super) async fn delete(
    signed: Signed,
    call: Call,
    if_match: IfMatch,
    key: IdempotencyKey,
) -> Answer<Once<Done>> {
    let id = id(&call)?;
    let if_version = if_match.versions()?;
    let request = key.on(signed.call(DeleteCommentRequest { id, if_version }))?;
    let answer = call.projects().delete_comment(request).await?;
    Ok(gone(answer))
}

fn id(call: &Call) -> Result<String, Problem> {
    call.id("comment")
}
