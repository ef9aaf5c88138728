//! A request as its handler sees it: ids of the path, the body, and turns at what is long.

use std::future::Ready;

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::CONTENT_ENCODING,
    web::{Bytes, Data},
};
use prost::Message;
use rpc::{
    ai::ai_service_client::AiServiceClient, auth::auth_service_client::AuthServiceClient,
    learning::learning_service_client::LearningServiceClient,
    project::project_service_client::ProjectServiceClient,
};
use serde::de::DeserializeOwned;
use service_kit::{Code, Problem, line::Turn};
use tonic::{Response, transport::Channel};
use uuid::Uuid;

use super::{
    Failure,
    envelope::SharedContext,
    signed::{IsSignedIn, surroundings},
    turns::LONG,
    upload::{self, Upload},
};
use crate::{State, connections::Room, contract::read_json};

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

    /// The service of accounts and sessions.
    pub(super) fn auth(&self) -> AuthServiceClient<Channel> {
        self.state.upstream.auth.clone()
    }

    /// The service of projects, tasks and comments.
    pub(super) fn projects(&self) -> ProjectServiceClient<Channel> {
        self.state.upstream.projects.clone()
    }

    /// The service of what was learned of each person.
    pub(super) fn learning(&self) -> LearningServiceClient<Channel> {
        self.state.upstream.learning.clone()
    }

    /// The mentor, for what is answered at once.
    pub(super) fn mentor(&self) -> AiServiceClient<Channel> {
        self.state.upstream.ai.clone()
    }

    /// The mentor, whose reply takes as long as it is written.
    pub(super) fn chat(&self) -> AiServiceClient<Channel> {
        self.state.upstream.chat.clone()
    }

    /// The body in pieces, for what is too large to hold.
    pub(super) fn upload(self, largest: usize) -> Result<Upload, Problem> {
        Upload::new(&self.request, self.payload, largest)
    }

    /// A turn at making an answer that can be long, to hold until it is written.
    pub(super) async fn turn(&self) -> Result<Turn, Problem> {
        self.state.turns.at_answers(self.person()?).await
    }

    /// As [`Call::turn`], where the answer is long; it is given in any case, for something was changed.
    pub(super) async fn turn_after_change(&self, changed: &Response<impl Message>) -> Option<Turn> {
        match changed.get_ref().encoded_len() > LONG {
            true => self.turn().await.ok(),
            false => None,
        }
    }

    fn person(&self) -> Result<Uuid, Problem> {
        let signed_in = self.request.extensions().get::<IsSignedIn>().copied();
        let person = signed_in.map(|IsSignedIn(person)| person);
        person.ok_or_else(|| Problem::internal("this route lets in strangers"))
    }

    /// Refuses a body of another type.
    pub(super) fn require_type(&self, types: &[&str]) -> Result<(), Problem> {
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

    /// The body, a JSON document of one of these types. A long one is read in turn. The turn ends with that: no
    /// service that is away can hold it.
    pub(super) async fn json<T: DeserializeOwned + 'static>(
        &mut self,
        types: &[&str],
    ) -> Result<T, Problem> {
        self.require_type(types)?;
        let body = self.body().await?;
        let _turn = match body.len() > LONG {
            true => Some(self.state.turns.at_bodies(self.person()?).await?),
            false => None,
        };
        read_json(self.state.shapes.of::<T>()?, &body)
    }

    /// The whole body.
    pub(super) async fn body(&mut self) -> Result<Bytes, Problem> {
        let payload = std::mem::replace(&mut self.payload, Payload::None);
        let (body, room) = upload::collect(&self.request, payload).await?;
        self.room = room;
        Ok(body)
    }
}
