//! Answers with a body: one resource, or a page of them.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{ETAG, HeaderName, HeaderValue, LOCATION},
};
use redis_contracts::resource::{Comment, Project, Task};
use rpc::{Malformed, metadata};
use serde::Serialize;
use tonic::{Response, metadata::MetadataMap};

use super::Failure;

/// What a handler answers.
pub(super) type Answer = Result<HttpResponse, Failure>;

/// A resource with a version and a place.
pub(super) trait Versioned: Serialize {
    /// Grows with each change.
    fn version(&self) -> u64;
    /// Where it is read and changed.
    fn location(&self) -> String;
}

impl Versioned for Project {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/projects/{}", self.id)
    }
}

impl Versioned for Task {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/tasks/{}", self.id)
    }
}

impl Versioned for Comment {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/comments/{}", self.id)
    }
}

/// 200 with the resource of a message.
pub(super) fn found<R, M>(answer: Response<M>) -> Answer
where
    R: Versioned + TryFrom<M, Error = Malformed>,
{
    let resource = R::try_from(answer.into_inner())?;
    Ok(tagged(HttpResponse::Ok(), &resource))
}

/// 201 with the resource of a message.
pub(super) fn created<R, M>(answer: Response<M>) -> Answer
where
    R: Versioned + TryFrom<M, Error = Malformed>,
{
    let mut builder = HttpResponse::Created();
    tell_replayed(&mut builder, answer.metadata());
    let resource = R::try_from(answer.into_inner())?;
    builder.insert_header((LOCATION, resource.location()));
    Ok(tagged(builder, &resource))
}

/// Says so when an answer is the first one to its idempotency key, given again.
pub(super) fn tell_replayed(builder: &mut HttpResponseBuilder, metadata: &MetadataMap) {
    const REPLAYED: HeaderName = HeaderName::from_static(metadata::IDEMPOTENT_REPLAYED);
    if metadata.contains_key(metadata::IDEMPOTENT_REPLAYED) {
        builder.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
}

fn tagged(mut builder: HttpResponseBuilder, resource: &impl Versioned) -> HttpResponse {
    builder
        .insert_header((ETAG, format!("\"{}\"", resource.version())))
        .json(resource)
}

/// 200 with a page of resources.
pub(super) fn page<R, M>(messages: Vec<M>, next_cursor: String) -> Answer
where
    R: Serialize + TryFrom<M, Error = Malformed>,
{
    let items = messages.into_iter().map(R::try_from);
    Ok(items_page(items.collect::<Result<_, _>>()?, next_cursor))
}

/// 200 with a page of items; an empty cursor means that it is the last.
pub(super) fn items_page<R: Serialize>(items: Vec<R>, next_cursor: String) -> HttpResponse {
    #[derive(Serialize)]
    struct Page<R> {
        items: Vec<R>,
        next_cursor: Option<String>,
    }

    let next_cursor = given(next_cursor);
    HttpResponse::Ok().json(Page { items, next_cursor })
}

/// A text of a message; there an empty one means none.
pub(super) fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// 202 with an empty object: how it goes on is not told here.
pub(super) fn accepted() -> Answer {
    #[derive(Serialize)]
    struct Nothing {}

    Ok(HttpResponse::Accepted().json(Nothing {}))
}

/// 204.
pub(super) fn done() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}
