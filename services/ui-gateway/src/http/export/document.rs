//! The document of an export as it is written: its beginning, its projects page by page, its end.

use actix_web::web::Bytes;
use redis_contracts::resource::Project;
use rpc::project::{ListProjectsRequest, Page};
use serde::Serialize;
use service_kit::Problem;

use super::{MOST_ITEMS, PAGE};
use crate::{
    connections::{self, Kind, Room},
    http::{
        Signed,
        answers::{self, PIECE},
        call::Call,
        reply::given,
    },
    server::OpenRequest,
};

/// A document that is being taken.
pub(super) struct Document {
    signed: Signed,
    call: Call,
    /// Where the next page of projects begins; `None` when all is written.
    next: Option<String>,
    projects: usize,
    /// The lists of which only the newest 10,000 are here.
    cut: Vec<&'static str>,
    /// What is to be taken before more is read, and the room for it.
    rest: Bytes,
    room: Option<Room>,
    /// The request is open until all is written.
    _open: OpenRequest,
}

impl Document {
    /// With its first projects, so that a service that is away is told of in time.
    pub(super) async fn begin(
        signed: Signed,
        call: Call,
        beginning: &impl Serialize,
        events_are_cut: bool,
    ) -> Result<Self, Problem> {
        let mut text = serde_json::to_vec(beginning).map_err(Problem::internal)?;
        // The object goes on.
        text.pop();
        text.extend(br#","projects":["#);
        let mut document = Self {
            room: connections::place(&call.request).map(|place| place.room(Kind::Answers)),
            _open: call.state.drain.enter(&call.request),
            signed,
            call,
            next: Some(String::new()),
            projects: 0,
            cut: Vec::from_iter(events_are_cut.then_some("security_events")),
            rest: Bytes::new(),
        };
        document.read_on(text).await?;
        Ok(document)
    }

    /// The next piece of it.
    pub(super) async fn piece(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        if self.rest.is_empty() {
            self.read_on(Vec::new()).await?;
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Ok((length > 0).then_some((piece, self)))
    }

    /// Adds a page of projects to a text, which is then what is to be taken.
    async fn read_on(&mut self, mut text: Vec<u8>) -> Result<(), Problem> {
        let Some(cursor) = self.next.take() else {
            return Ok(());
        };
        let page = Page {
            limit: PAGE,
            cursor,
        };
        let request = self.signed.call(ListProjectsRequest {
            page: Some(page),
            key: String::new(),
        });
        let _turn = self.call.turn().await?;
        let mut service = self.call.projects();
        let answer = service.list_projects(request).await?.into_inner();
        for project in answer.projects {
            if self.projects > 0 {
                text.push(b',');
            }
            self.projects += 1;
            let project = Project::try_from(project)?;
            serde_json::to_writer(&mut text, &project).map_err(Problem::internal)?;
        }
        match given(answer.next_cursor) {
            Some(next) if self.projects < MOST_ITEMS => self.next = Some(next),
            next => {
                self.cut.extend(next.map(|_| "projects"));
                text.extend(br#"],"cut":"#);
                serde_json::to_writer(&mut text, &self.cut).map_err(Problem::internal)?;
                text.push(b'}');
            }
        }
        self.hold(text.into())
    }

    fn hold(&mut self, text: Bytes) -> Result<(), Problem> {
        if let Some(room) = &mut self.room {
            room.shrink(usize::MAX);
            room.grow(text.len()).map_err(answers::no_room)?;
        }
        self.rest = text;
        Ok(())
    }
}
