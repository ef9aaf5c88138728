//! A person's account, what belongs to it, the list of their projects and their learning profile, as one
//! document; while a service is away this is 503. Tasks and comments are read from the projects;
//! conversations are not in it yet.
//!
//! Its projects, whose texts can be long, are read a page at a time as the document is taken. Where a service
//! goes away in between, the connection is closed before the end: what ends well is whole.

mod document;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, ContentType},
};
use futures_util::stream::try_unfold;
use redis_contracts::{
    Timestamp,
    resource::{Project, User},
};
use rpc::{
    Malformed,
    auth::{GetMeRequest, ListSecurityEventsRequest},
    learning::GetProfileRequest,
};
use schemars::JsonSchema;
use serde::Serialize;

use self::document::Document;
use super::{
    Failure, Signed,
    call::Call,
    learning::Learned,
    machine_tokens::{self, MachineToken},
    reply::{Answer, Reply, ResponseDoc},
    security_events::{self, SecurityEvent},
    sessions::{self, Session},
};

/// Security events, and projects, that are exported at most: the newest.
const MOST_ITEMS: usize = 10_000;

/// Items asked for at once.
const PAGE: u32 = 200;

const ATTACHMENT: &str = "attachment; filename=\"devmentor-export.json\"";

/// The document up to its projects.
#[derive(Serialize, JsonSchema)]
struct Beginning {
    exported_at: Timestamp,
    user: User,
    sessions: Vec<Session>,
    machine_tokens: Vec<MachineToken>,
    security_events: Vec<SecurityEvent>,
    learning_profile: Learned,
}

/// A person: their own.
pub(super) async fn read(signed: Signed, call: Call) -> Answer<ExportReply> {
    let (user, sessions, machine_tokens, events, learning_profile) = tokio::try_join!(
        user(&signed, &call),
        sessions::all(&signed, &call),
        machine_tokens::all(&signed, &call),
        security_events(&signed, &call),
        learning_profile(&signed, &call),
    )?;
    let beginning = Beginning {
        exported_at: Timestamp::now(),
        user,
        sessions,
        machine_tokens,
        security_events: events.items,
        learning_profile,
    };
    let document = Document::begin(signed, call, &beginning, events.is_cut).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(ContentType::json());
    answer.insert_header((CONTENT_DISPOSITION, ATTACHMENT));
    Ok(ExportReply(
        answer.streaming(try_unfold(document, Document::piece)),
    ))
}

/// The document, written as it is taken.
pub(super) struct ExportReply(HttpResponse);

/// The whole of it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Export {
    #[serde(flatten)]
    beginning: Beginning,
    projects: Vec<Project>,
    /// The lists that have only their newest here.
    cut: Vec<String>,
}

impl Reply for ExportReply {
    fn responses() -> Vec<ResponseDoc> {
        vec![ResponseDoc::json::<Export>(200).with(&["Content-Disposition"])]
    }

    fn respond(self) -> HttpResponse {
        self.0
    }
}

/// As SQL has it: the session may hold an older copy.
async fn user(signed: &Signed, call: &Call) -> Result<User, Failure> {
    let mut auth = call.auth();
    let answer = auth.get_me(signed.call(GetMeRequest {})).await?;
    let session = answer.into_inner().session.ok_or(Malformed("session"))?;
    let user = session.user.ok_or(Malformed("session.user"))?;
    Ok(user.try_into()?)
}

async fn learning_profile(signed: &Signed, call: &Call) -> Result<Learned, Failure> {
    let mut learning = call.learning();
    let profile = learning.get_profile(signed.call(GetProfileRequest {}));
    Ok(profile.await?.into_inner().into())
}

async fn security_events(signed: &Signed, call: &Call) -> Result<List<SecurityEvent>, Failure> {
    let mut list = List::new();
    while let Some(cursor) = list.next_cursor() {
        let asked = ListSecurityEventsRequest {
            limit: PAGE,
            cursor,
            ..ListSecurityEventsRequest::default()
        };
        let answer = security_events::ask(signed, call, asked).await?;
        list.add(answer.events, answer.next_cursor)?;
    }
    Ok(list)
}

/// A list that is read page by page, up to a bound.
struct List<R> {
    items: Vec<R>,
    next: Option<String>,
    is_cut: bool,
}

impl<R> List<R> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            next: Some(String::new()),
            is_cut: false,
        }
    }

    /// Where the next page begins; `None` when there is none to be read.
    fn next_cursor(&mut self) -> Option<String> {
        self.next.take()
    }

    fn add<M>(&mut self, page: Vec<M>, next_cursor: String) -> Result<(), Malformed>
    where
        R: TryFrom<M, Error = Malformed>,
    {
        for message in page {
            self.items.push(message.try_into()?);
        }
        let more = !next_cursor.is_empty();
        self.is_cut = more && self.items.len() >= MOST_ITEMS;
        self.next = (more && !self.is_cut).then_some(next_cursor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rpc::project;

    use super::*;

    fn page(length: usize) -> Vec<project::Project> {
        let project = project::Project {
            id: uuid::Uuid::now_v7().to_string(),
            created_at: Some(rpc::timestamp(Timestamp::now())),
            updated_at: Some(rpc::timestamp(Timestamp::now())),
            ..project::Project::default()
        };
        vec![project; length]
    }

    #[test]
    fn a_list_ends_with_its_last_page_or_at_its_bound() {
        let mut short = List::<Project>::new();
        assert_eq!(short.next_cursor().as_deref(), Some(""));
        short.add(page(200), "a".to_owned()).expect("projects");
        assert_eq!(short.next_cursor().as_deref(), Some("a"));
        short.add(page(3), String::new()).expect("projects");
        assert_eq!(short.next_cursor(), None);
        assert_eq!((short.items.len(), short.is_cut), (203, false));

        let mut long = List::<Project>::new();
        let mut pages = 0;
        while long.next_cursor().is_some() {
            pages += 1;
            long.add(page(200), "more".to_owned()).expect("projects");
        }
        assert_eq!((pages, long.items.len(), long.is_cut), (50, 10_000, true));
    }
}
