//! What handlers answer, by type: the document is made from these.

mod resource;
mod responses;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    cookie::Cookie,
    http::header::{ETAG, HeaderName, HeaderValue, LOCATION},
};
use rpc::{Malformed, metadata};
use schemars::JsonSchema;
use serde::Serialize;
use service_kit::line::Turn;
use tonic::{Response, metadata::MetadataMap};

pub(super) use self::{
    resource::Resource,
    responses::{JSON, Reply, ResponseDoc},
};
use super::Failure;

const REPLAYED: HeaderName = HeaderName::from_static(metadata::IDEMPOTENT_REPLAYED);
const YES: HeaderValue = HeaderValue::from_static("true");

/// What a handler answers.
pub(super) type Answer<R> = Result<R, Failure>;

/// 200 with a resource, and its version as `ETag`.
pub(super) struct Found<T>(pub(super) T);

/// 201 with what was made, and where it is.
pub(super) struct Created<T> {
    made: T,
    metadata: MetadataMap,
}

/// 200 with anything else.
pub(super) struct Plain<T>(pub(super) T);

/// 202: it is stored, or on its way.
pub(super) struct Accepted<T> {
    receipt: T,
    metadata: MetadataMap,
}

/// 204.
pub(super) struct Done;

/// 101: the connection is a WebSocket from here on.
pub(crate) struct Switched(pub(crate) HttpResponse);

/// One reply or the other.
pub(super) enum Either<A, B> {
    Left(A),
    Right(B),
}

/// A reply that can be long, written at a turn.
pub(super) struct InTurn<R> {
    pub(super) reply: R,
    /// None where it is short, where a service has a line for it, and for an answer to a change that found no turn:
    /// it is given all the same.
    pub(super) turn: Option<Turn>,
}

/// A reply to a change that is made once under its idempotency key.
pub(super) struct Once<R> {
    reply: R,
    metadata: MetadataMap,
}

/// A reply that sets cookies.
pub(super) struct WithCookies<R> {
    pub(super) reply: R,
    pub(super) cookies: Vec<Cookie<'static>>,
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Where to go on; null on the last page.
    pub(super) next_cursor: Option<String>,
}

/// An empty object: how it goes on is told elsewhere.
#[derive(Serialize, JsonSchema)]
pub(super) struct NothingYet {}

/// The resource of a message.
pub(super) fn found<R, M>(answer: Response<M>) -> Answer<Found<R>>
where
    R: TryFrom<M, Error = Malformed>,
{
    Ok(Found(R::try_from(answer.into_inner())?))
}

/// The changed resource of a message.
pub(super) fn changed<R, M>(answer: Response<M>) -> Answer<Once<Found<R>>>
where
    R: TryFrom<M, Error = Malformed>,
{
    let (metadata, message, _) = answer.into_parts();
    let reply = Found(R::try_from(message)?);
    Ok(Once { reply, metadata })
}

/// What a message told is gone.
pub(super) fn gone<M>(answer: Response<M>) -> Once<Done> {
    let (metadata, ..) = answer.into_parts();
    let reply = Done;
    Once { reply, metadata }
}

/// The new resource of a message.
pub(super) fn created<R, M>(answer: Response<M>) -> Answer<Created<R>>
where
    R: TryFrom<M, Error = Malformed>,
{
    let (metadata, message, _) = answer.into_parts();
    let made = R::try_from(message)?;
    Ok(Created { made, metadata })
}

/// A page of the resources of messages; an empty cursor means that it is the last.
pub(super) fn page<R, M>(messages: Vec<M>, next_cursor: String) -> Answer<Plain<Page<R>>>
where
    R: TryFrom<M, Error = Malformed>,
{
    let items = messages.into_iter().map(R::try_from);
    Ok(Plain(Page {
        items: items.collect::<Result<_, _>>()?,
        next_cursor: given(next_cursor),
    }))
}

/// A text of a message; there an empty one means none.
pub(super) fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// 202 without a word.
pub(super) fn accepted() -> Accepted<NothingYet> {
    Accepted::new(NothingYet {}, MetadataMap::new())
}

impl<T> Page<T> {
    /// A list that is not cut into pages.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}

impl<T> Created<T> {
    /// What is never answered a second time.
    pub(super) fn once(made: T) -> Self {
        Self {
            made,
            metadata: MetadataMap::new(),
        }
    }
}

impl<T> Accepted<T> {
    /// With the metadata of the service's answer.
    pub(super) fn new(receipt: T, metadata: MetadataMap) -> Self {
        Self { receipt, metadata }
    }
}

impl<T: Resource> Reply for Found<T> {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<T>(200).with(&["ETag"])]
    }

    fn respond(self) -> HttpResponse {
        tagged(HttpResponse::Ok(), &self.0)
    }
}

impl<T: Resource> Reply for Created<T> {
    fn responses() -> Vec<ResponseDoc> {
        let headers: &[&str] = match T::IS_VERSIONED {
            true => &["ETag", "Location", "Idempotent-Replayed"],
            false => &["Location"],
        };
        vec![ResponseDoc::json::<T>(201).with(headers)]
    }

    fn respond(self) -> HttpResponse {
        let mut builder = HttpResponse::Created();
        note_replayed(&mut builder, &self.metadata);
        builder.insert_header((LOCATION, self.made.location()));
        tagged(builder, &self.made)
    }
}

impl<T: Serialize + JsonSchema> Reply for Plain<T> {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<T>(200)]
    }

    fn respond(self) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

impl<T: Serialize + JsonSchema> Reply for Accepted<T> {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<T>(202).with(&["Idempotent-Replayed"])]
    }

    fn respond(self) -> HttpResponse {
        let mut builder = HttpResponse::Accepted();
        note_replayed(&mut builder, &self.metadata);
        builder.json(self.receipt)
    }
}

impl Reply for Done {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::empty(204)]
    }

    fn respond(self) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl Reply for Switched {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::empty(101)]
    }

    fn respond(self) -> HttpResponse {
        self.0
    }
}

impl<A: Reply, B: Reply> Reply for Either<A, B> {
    fn responses() -> Vec<ResponseDoc> {
        [A::responses(), B::responses()].concat()
    }

    fn respond(self) -> HttpResponse {
        match self {
            Self::Left(reply) => reply.respond(),
            Self::Right(reply) => reply.respond(),
        }
    }
}

impl<R: Reply> Reply for InTurn<R> {
    fn responses() -> Vec<ResponseDoc> {
        R::responses()
    }

    fn respond(self) -> HttpResponse {
        let Self { reply, turn } = self;
        let written = reply.respond();
        drop(turn);
        written
    }
}

impl<R: Reply> Reply for Once<R> {
    fn responses() -> Vec<ResponseDoc> {
        let responses = R::responses().into_iter();
        responses
            .map(|of| of.with(&["Idempotent-Replayed"]))
            .collect()
    }

    fn respond(self) -> HttpResponse {
        let mut answer = self.reply.respond();
        if is_replayed(&self.metadata) {
            answer.headers_mut().insert(REPLAYED, YES);
        }
        answer
    }
}

impl<R: Reply> Reply for WithCookies<R> {
    fn responses() -> Vec<ResponseDoc> {
        R::responses()
    }

    fn respond(self) -> HttpResponse {
        let mut answer = self.reply.respond();
        for cookie in &self.cookies {
            // A cookie of ours can always be written.
            let _ = answer.add_cookie(cookie);
        }
        answer
    }
}

/// Says so when an answer is the first one to its idempotency key, given again.
pub(super) fn note_replayed(builder: &mut HttpResponseBuilder, metadata: &MetadataMap) {
    if is_replayed(metadata) {
        builder.insert_header((REPLAYED, YES));
    }
}

fn is_replayed(metadata: &MetadataMap) -> bool {
    metadata.contains_key(metadata::IDEMPOTENT_REPLAYED)
}

fn tagged(mut builder: HttpResponseBuilder, resource: &impl Resource) -> HttpResponse {
    if let Some(version) = resource.version() {
        builder.insert_header((ETAG, format!("\"{version}\"")));
    }
    builder.json(resource)
}
