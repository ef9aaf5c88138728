//! What a handler reads from its request: ids of the path, the page asked for, the body, and the
//! headers that make a change safe.

use std::future::Ready;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, IF_MATCH},
    web::{Bytes, Data},
};
use rpc::metadata::IDEMPOTENCY_KEY;
use service_kit::{Code, Problem, line::Turn};
use uuid::Uuid;

use super::{
    Failure,
    envelope::SharedContext,
    fields::Fields,
    parameters::Parameters,
    precondition,
    signed::{IsSignedIn, surroundings},
    turns::LONG_BODY,
    upload::{self, Upload},
};
use crate::{State, connections::Room};

const LONGEST_IDEMPOTENCY_KEY: usize = 128;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A request as its handler sees it.
pub(super) struct Call {
    pub(super) request: HttpRequest,
    pub(super) state: Data<State>,
    pub(super) context: SharedContext,
    payload: Payload,
    /// What the body holds of the room for all, as long as this is answered.
    room: Option<Room>,
}

impl FromRequest for Call {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let call = surroundings(request).map(|(state, context)| Self {
            request: request.clone(),
            state: state.clone(),
            context,
            payload: payload.take(),
            room: None,
        });
        std::future::ready(call.map_err(Failure::from))
    }
}

impl Call {
    /// An id of the path. What is no UUID names nothing.
    pub(super) fn id(&self, what: &str) -> Result<String, Problem> {
        const HYPHENATED: usize = 36;
        let text = self.request.match_info().get("id").unwrap_or_default();
        let id = Uuid::try_parse(text)
            .ok()
            .filter(|_| text.len() == HYPHENATED);
        id.map(|id| id.to_string())
            .ok_or_else(|| Problem::not_found(what))
    }

    /// The parameters of the URL; unknown ones are not looked at.
    pub(super) fn query(&self) -> Parameters {
        Parameters::parse_all(self.request.query_string())
    }

    /// A JSON object, read by `make`.
    pub(super) async fn json<T>(
        &mut self,
        make: impl FnOnce(&mut Fields) -> T,
    ) -> Result<T, Problem> {
        self.require_type(&[JSON])?;
        self.fields(make).await
    }

    /// A body without fields: none at all, or an empty object.
    pub(super) async fn no_fields(&mut self) -> Result<(), Problem> {
        let body = self.body().await?;
        if body.is_empty() {
            return Ok(());
        }
        self.require_type(&[JSON])?;
        Fields::parse(&body)?.read(|_| ())
    }

    /// A JSON merge patch (RFC 7396), read by `make`.
    pub(super) async fn patch<T>(
        &mut self,
        make: impl FnOnce(&mut Fields) -> T,
    ) -> Result<T, Problem> {
        self.require_type(&[MERGE_PATCH, JSON])?;
        self.fields(make).await
    }

    /// The body in pieces, for what is too large to hold.
    pub(super) fn pieces(self, largest: usize) -> Result<Upload, Problem> {
        self.require_type(&[JSON])?;
        Upload::new(&self.request, self.payload, largest)
    }

    /// A turn at making an answer that can be long, to hold until it is made.
    pub(super) async fn turn(&self) -> Result<Turn, Problem> {
        self.state.turns.at_answers(self.person()?).await
    }

    fn person(&self) -> Result<Uuid, Problem> {
        let signed_in = self.request.extensions().get::<IsSignedIn>().copied();
        let person = signed_in.map(|IsSignedIn(person)| person);
        person.ok_or_else(|| Problem::internal("this route lets in strangers"))
    }

    /// The versions that `If-Match` allows; empty: any.
    pub(super) fn precondition(&self) -> Result<Vec<u64>, Problem> {
        let values = self.request.headers().get_all(IF_MATCH);
        precondition::parse(values.map(|value| value.as_bytes()))
    }

    /// Hands the caller's idempotency key on.
    pub(super) fn keyed<T>(
        &self,
        mut request: tonic::Request<T>,
    ) -> Result<tonic::Request<T>, Problem> {
        let Some(key) = self.request.headers().get(IDEMPOTENCY_KEY) else {
            return Ok(request);
        };
        let visible = |key: &&str| {
            (1..=LONGEST_IDEMPOTENCY_KEY).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = key
            .to_str()
            .ok()
            .filter(visible)
            .and_then(|key| key.parse().ok());
        let expected = format!("expected 1 to {LONGEST_IDEMPOTENCY_KEY} visible characters");
        let key = key.ok_or_else(|| Problem::invalid_field("Idempotency-Key", expected))?;
        request.metadata_mut().insert(IDEMPOTENCY_KEY, key);
        Ok(request)
    }

    fn require_type(&self, types: &[&str]) -> Result<(), Problem> {
        let plain = !self.request.headers().contains_key(CONTENT_ENCODING);
        let given = self.request.content_type();
        if plain && types.iter().any(|known| given.eq_ignore_ascii_case(known)) {
            return Ok(());
        }
        let detail = format!(
            "Send Content-Type: {}, without Content-Encoding.",
            types.join(" or ")
        );
        Err(Problem::new(Code::UnsupportedMediaType, detail))
    }

    /// A long body is read in turn. The turn ends with that: no service that is away can hold it.
    async fn fields<T>(&mut self, make: impl FnOnce(&mut Fields) -> T) -> Result<T, Problem> {
        let body = self.body().await?;
        let _turn = match body.len() > LONG_BODY {
            true => Some(self.state.turns.at_bodies(self.person()?).await?),
            false => None,
        };
        Fields::parse(&body)?.read(make)
    }

    async fn body(&mut self) -> Result<Bytes, Problem> {
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let (body, room) = upload::collect(&self.request, payload).await?;
        self.room = room;
        Ok(body)
    }
}
