//! The running service, called over gRPC, beside the real project-service and real Redis.

mod adapting;
mod asking;
mod away;
mod fields;
mod idempotency;
mod scripts;
mod share;
mod signals;
mod slips;

use redis_contracts::{EVENT_FIELD, StreamFamily, event::Event};
use rpc::{
    ai::{
        ChatRequest, GiveFeedbackRequest, RecordInteractionRequest, Recorded, Reply, Suggestion,
        ai_service_client::AiServiceClient, chat_response::Part,
    },
    metadata::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED},
    tonic::{Request, metadata::MetadataMap, transport::Channel},
};
use serde_json::{Value, json};
use service_kit::{Problem, RequestContext};
use test_kit::{Person, Platform};

/// A platform and the way to its mentor.
struct Fixture {
    platform: Platform,
    client: AiServiceClient<Channel>,
}

/// An answer, and whether it was given before.
#[derive(Clone, Debug, PartialEq)]
struct Told<T> {
    value: T,
    replayed: bool,
}

impl Fixture {
    async fn start() -> Self {
        Self::of(Platform::builder().proxy_streams().start().await)
    }

    fn of(platform: Platform) -> Self {
        let address = format!("http://127.0.0.1:{}", platform.grpc_port("ai-gateway"));
        let channel = rpc::connect(&address, None).expect("an address");
        let client = AiServiceClient::new(channel);
        Self { platform, client }
    }

    /// The reply to a message, after its pieces were found to be the whole.
    async fn chat(&self, person: &Person, asked: ChatRequest) -> Result<Reply, Problem> {
        self.keyed_chat(person, asked, None)
            .await
            .map(|told| told.value)
    }

    async fn ask(&self, person: &Person, message: &str) -> Reply {
        self.chat(person, question(message)).await.expect("a reply")
    }

    async fn ask_about(&self, person: &Person, project: &Value, message: &str) -> Reply {
        let asked = ChatRequest {
            project_id: id(project),
            ..question(message)
        };
        self.chat(person, asked).await.expect("a reply")
    }

    async fn keyed_chat(
        &self,
        person: &Person,
        asked: ChatRequest,
        key: Option<&str>,
    ) -> Result<Told<Reply>, Problem> {
        let request = call(person, key, asked);
        let answer = self
            .client
            .clone()
            .chat(request)
            .await
            .map_err(Problem::from)?;
        let replayed = is_replayed(answer.metadata());
        let mut parts = answer.into_inner();
        let mut text = String::new();
        while let Some(message) = parts.message().await.map_err(Problem::from)? {
            match message.part.expect("a part") {
                Part::Delta(piece) => text.push_str(&piece),
                Part::Reply(reply) => {
                    assert_eq!(text, reply.text, "the pieces are the whole");
                    assert!(parts.message().await.expect("an end").is_none());
                    return Ok(Told {
                        value: reply,
                        replayed,
                    });
                }
            }
        }
        panic!("the stream ended without a reply")
    }

    async fn rate(
        &self,
        person: &Person,
        rating: GiveFeedbackRequest,
        key: Option<&str>,
    ) -> Result<Told<Recorded>, Problem> {
        let request = call(person, key, rating);
        told(self.client.clone().give_feedback(request).await)
    }

    async fn interact(
        &self,
        person: &Person,
        interaction: RecordInteractionRequest,
        key: Option<&str>,
    ) -> Result<Told<Recorded>, Problem> {
        let request = call(person, key, interaction);
        told(self.client.clone().record_interaction(request).await)
    }

    /// What a stream holds, each entry's ID and event.
    async fn events(&self, stream: &StreamFamily<()>) -> Vec<(String, Event)> {
        self.entries(stream.key(()).name()).await
    }

    async fn entries(&self, stream: &str) -> Vec<(String, Event)> {
        let mut redis = self.platform.streams.connect().await;
        let mut command = redis::cmd("XRANGE");
        command.arg(stream).arg("-").arg("+");
        let raw: Vec<(String, Vec<(String, String)>)> =
            command.query_async(&mut redis).await.expect("entries");
        let entries = raw.into_iter().map(|(id, fields)| {
            let [(name, event)] = &fields[..] else {
                panic!("{id} has {fields:?}")
            };
            assert_eq!(name, EVENT_FIELD);
            (id, Event::decode(event).expect("an event"))
        });
        entries.collect()
    }

    async fn redis<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut redis = self.platform.streams.connect().await;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut redis).await.expect("an answer")
    }
}

fn question(message: &str) -> ChatRequest {
    ChatRequest {
        message: message.to_owned(),
        ..ChatRequest::default()
    }
}

fn rating(reply: &Reply, rating: u32) -> GiveFeedbackRequest {
    GiveFeedbackRequest {
        target_type: "mentor_reply".to_owned(),
        target_id: reply.message_id.clone(),
        rating,
        tags: Vec::new(),
        comment: String::new(),
    }
}

fn interaction(
    reply: &Reply,
    kind: &str,
    suggestion: Option<Suggestion>,
) -> RecordInteractionRequest {
    RecordInteractionRequest {
        message_id: reply.message_id.clone(),
        kind: kind.to_owned(),
        suggestion,
    }
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().expect("an id").to_owned()
}

/// A task with more than a title.
async fn create_task(person: &Person, project: &Value, task: Value) -> Value {
    let path = format!("/api/projects/{}/tasks", id(project));
    person.post(&path, task).await.expect(201)
}

/// A task that was due long ago.
async fn overdue_task(person: &Person, project: &Value) -> Value {
    let task = json!({"title": "Answer the audit", "due_on": "2020-02-01"});
    create_task(person, project, task).await
}

/// A task with six steps left.
async fn big_task(person: &Person, project: &Value) -> Value {
    let steps = "- [ ] a step\n".repeat(6);
    create_task(
        person,
        project,
        json!({"title": "Plan the release", "description": steps}),
    )
    .await
}

fn call<T>(person: &Person, key: Option<&str>, message: T) -> Request<T> {
    let context = RequestContext::from_headers(None, Some(TRACEPARENT));
    let mut request = context.call(Some(&person.token), message);
    if let Some(key) = key {
        let key = key.parse().expect("a plain key");
        request.metadata_mut().insert(IDEMPOTENCY_KEY, key);
    }
    request
}

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn told<T>(
    answer: Result<rpc::tonic::Response<T>, rpc::tonic::Status>,
) -> Result<Told<T>, Problem> {
    let answer = answer.map_err(Problem::from)?;
    Ok(Told {
        replayed: is_replayed(answer.metadata()),
        value: answer.into_inner(),
    })
}

fn is_replayed(metadata: &MetadataMap) -> bool {
    metadata
        .get(IDEMPOTENT_REPLAYED)
        .is_some_and(|value| value == "true")
}

/// The code of a refusal.
#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Problem>) -> &'static str {
    answer.expect_err("refused").code.name()
}
