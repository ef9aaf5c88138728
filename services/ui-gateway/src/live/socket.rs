//! One WebSocket: its upgrade, its task, and its end.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use bytestring::ByteString;
use futures_util::{StreamExt, stream::FuturesUnordered};
use redis_access::Entry;
use redis_contracts::{Position, Topic};
use service_kit::{Code, Problem};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    Live, OpenSocket,
    history::Reading,
    hub::{Interest, Joined},
    protocol::{LARGEST_MESSAGE, MOST_TOPICS, RETRY_MS, Reply, Request, Resync, event_text_frame},
    queue::{Item, Queue},
    replay::{Found, Step, Subscribed, Subscription, find_standing, read_on},
    sessions::Watched,
};
use crate::{
    State,
    http::{Failure, Signed},
};

/// The server pings this often.
const PING_EVERY: Duration = Duration::from_secs(25);

/// A client that was silent for this long is gone.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// A client that takes nothing for this long is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Events written between two looks at what the client says.
const WRITE_AT_ONCE: usize = 64;

const NOT_A_MESSAGE: u16 = 4400;
const SESSION_ENDED: u16 = 4401;

type Steps = FuturesUnordered<Pin<Box<dyn Future<Output = Step>>>>;

/// `GET /api/realtime/ws`: anyone signed in; each topic asks for its own permission.
pub(crate) async fn connect(
    signed: Signed,
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let (response, session, messages) = actix_ws::handle(&request, body).map_err(|_| {
        let detail = "This is a WebSocket: send Upgrade: websocket.";
        Problem::new(Code::Malformed, detail)
    })?;
    let messages = messages
        .max_frame_size(LARGEST_MESSAGE)
        .aggregate_continuations()
        .max_continuation_size(LARGEST_MESSAGE);
    let live = state.live.clone();
    let socket = Socket {
        reading: Reading {
            caller: signed.caller.clone(),
            guard: state.guard.clone(),
            context: (*signed.context).clone(),
        },
        watched: live.sessions.join(&signed.caller),
        open: live.enter(),
        live,
        session,
        queue: Arc::default(),
        topics: HashMap::new(),
        subscriptions: 0,
        steps: FuturesUnordered::new(),
    };
    // Counted by `open`; the supervisor's task `sockets` waits for it.
    actix_web::rt::spawn(socket.run(messages));
    Ok(response)
}

struct Socket {
    live: Live,
    session: Session,
    reading: Reading,
    watched: Watched,
    queue: Arc<Queue>,
    topics: HashMap<Topic, Subscribed>,
    subscriptions: u64,
    steps: Steps,
    open: OpenSocket,
}

/// Why a socket ends.
enum End {
    /// The client has gone, or takes nothing any more.
    Gone,
    /// With this code and reason.
    Close(u16, String),
}

impl Socket {
    async fn run(mut self, mut messages: AggregatedMessageStream) {
        let ended = self.watched.ended();
        let stop = self.live.stop.clone();
        let end = tokio::select! {
            biased;
            () = ended.cancelled() => End::Close(SESSION_ENDED, "session ended".to_owned()),
            () = stop.cancelled() => End::Close(1012, format!(r#"{{"retry_ms":{RETRY_MS}}}"#)),
            Err(end) = self.serve(&mut messages) => end,
        };
        if let End::Close(code, reason) = end {
            let reason = CloseReason {
                code: CloseCode::from(code),
                description: Some(reason),
            };
            // A client that takes nothing is left to its connection's end.
            let _ = timeout(Duration::from_secs(1), self.session.close(Some(reason))).await;
        }
        // What is remembered of its topics is handed over before the socket counts as closed.
        self.topics.clear();
        drop(self.open);
    }

    async fn serve(&mut self, messages: &mut AggregatedMessageStream) -> Result<(), End> {
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let mut heard_at = Instant::now();
        let mut hears = self.live.hears.clone();
        if !*hears.borrow_and_update() {
            self.write(Reply::Status { live: false }.frame()).await?;
        }
        let queue = Arc::clone(&self.queue);
        loop {
            tokio::select! {
                message = messages.recv(), if self.steps.len() < MOST_TOPICS => {
                    heard_at = Instant::now();
                    self.take(message.ok_or(End::Gone)?).await?;
                }
                () = queue.filled() => self.write_waiting().await?,
                Some(step) = self.steps.next() => self.advance(step).await?,
                Ok(()) = hears.changed() => {
                    let live = *hears.borrow_and_update();
                    self.write(Reply::Status { live }.frame()).await?;
                }
                _ = pings.tick() => {
                    if heard_at.elapsed() > SILENT_FOR {
                        return Err(End::Gone);
                    }
                    within(self.session.ping(b"")).await?;
                }
            }
        }
    }

    async fn take(
        &mut self,
        message: Result<AggregatedMessage, actix_ws::ProtocolError>,
    ) -> Result<(), End> {
        let not_a_message = |why: &str| End::Close(NOT_A_MESSAGE, why.to_owned());
        match message {
            Ok(AggregatedMessage::Text(text)) => {
                let request = serde_json::from_str(&text);
                self.answer(request.map_err(|_| not_a_message("not a message"))?)
                    .await
            }
            Ok(AggregatedMessage::Ping(payload)) => within(self.session.pong(&payload)).await,
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Binary(_)) => Err(not_a_message("text frames only")),
            Ok(AggregatedMessage::Close(_)) => Err(End::Close(1000, String::new())),
            Err(_) => Err(not_a_message("at most 16 KiB of text in a message")),
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), End> {
        match request {
            Request::Ping => self.write(Reply::Pong.frame()).await,
            Request::Unsubscribe { topic } => {
                if let Ok(topic) = topic.parse() {
                    self.topics.remove(&topic);
                }
                Ok(())
            }
            Request::Subscribe { topic: text, after } => match text.parse::<Topic>() {
                Err(_) => self.refuse(&text, Code::Forbidden).await,
                Ok(topic)
                    if self.topics.len() >= MOST_TOPICS && !self.topics.contains_key(&topic) =>
                {
                    self.refuse(&text, Code::Invalid).await
                }
                Ok(topic) => {
                    self.subscribe(topic, after);
                    Ok(())
                }
            },
        }
    }

    fn subscribe(&mut self, topic: Topic, after: Option<String>) {
        self.topics.remove(&topic);
        self.subscriptions += 1;
        let number = self.subscriptions;
        let subscribed = Subscribed {
            number,
            interest: Interest::take(&self.live.hub, topic, &self.queue),
            visit: self.live.seen.visit(self.reading.caller.user().id, topic),
            target: None,
        };
        self.topics.insert(topic, subscribed);
        let (history, reading) = (self.live.history.clone(), self.reading.clone());
        self.steps.push(Box::pin(find_standing(
            Subscription { topic, number },
            after,
            history,
            reading,
        )));
    }

    async fn refuse(&mut self, topic: &str, code: Code) -> Result<(), End> {
        self.write(
            Reply::Error {
                code: code.name(),
                topic,
            }
            .frame(),
        )
        .await
    }

    /// Takes a subscription a step further.
    async fn advance(&mut self, step: Step) -> Result<(), End> {
        let Step {
            subscription,
            found,
        } = step;
        let current = self.topics.get(&subscription.topic);
        if current.is_none_or(|current| current.number != subscription.number) {
            return Ok(());
        }
        let topic = subscription.topic;
        match found {
            Found::Standing(Ok(standing)) => {
                // The position to go on from: a client that keeps it and is cut off in the middle of
                // the replay misses nothing.
                let text = topic.to_string();
                self.write(
                    Reply::Subscribed {
                        topic: &text,
                        position: standing.from,
                        replayed: standing.behind,
                        gap: standing.gap,
                    }
                    .frame(),
                )
                .await?;
                if let Some(subscribed) = self.topics.get_mut(&topic) {
                    subscribed.target = Some(standing.newest);
                    subscribed.visit.reach(standing.newest);
                }
                self.join_or_read(subscription, standing.from, false);
                Ok(())
            }
            Found::Standing(Err(problem)) => {
                self.topics.remove(&topic);
                // Whether it is not there or not theirs is nobody's business.
                let code = if problem.code == Code::NotFound {
                    Code::Forbidden
                } else {
                    problem.code
                };
                self.refuse(&topic.to_string(), code).await
            }
            Found::Events(_, Ok(events)) if !events.is_empty() => {
                let position = events
                    .last()
                    .map(|entry| entry.position)
                    .unwrap_or_default();
                self.write_events(topic, events).await?;
                self.join_or_read(subscription, position, false);
                Ok(())
            }
            Found::Events(position, Ok(_)) => {
                self.join_or_read(subscription, position, true);
                Ok(())
            }
            Found::Events(_, Err(problem)) => {
                tracing::debug!(error = %problem, "a replay was interrupted");
                self.give_up(topic, Resync::Unavailable).await
            }
        }
    }

    fn join_or_read(&mut self, subscription: Subscription, position: Position, nothing_left: bool) {
        let Some(subscribed) = self.topics.get(&subscription.topic) else {
            return;
        };
        let joined = subscribed.may_join(position, nothing_left)
            && subscribed.interest.join(position) == Joined::Yes;
        if !joined {
            let (history, reading) = (self.live.history.clone(), self.reading.clone());
            self.steps
                .push(Box::pin(read_on(subscription, position, history, reading)));
        }
    }

    async fn write_events(&mut self, topic: Topic, events: Vec<Entry>) -> Result<(), End> {
        for entry in events {
            match event_text_frame(topic, entry.position, &entry.event) {
                Some(frame) => self.write(frame).await?,
                None => tracing::error!(position = %entry.position, "a stored event is no JSON"),
            }
            self.reach(topic, entry.position);
        }
        Ok(())
    }

    /// Writes what waits; comes back soon, so that a client that talks is heard.
    async fn write_waiting(&mut self) -> Result<(), End> {
        for _ in 0..WRITE_AT_ONCE {
            let Some(item) = self.queue.take() else {
                return Ok(());
            };
            match item {
                Item::Event(topic, position, frame) => {
                    self.write(frame).await?;
                    self.reach(topic, position);
                }
                Item::Overflow(topic) => self.give_up(topic, Resync::SlowConsumer).await?,
                Item::CatchUp(topic, position) => self.catch_up(topic, position),
                Item::Ended(topic) => {
                    self.topics.remove(&topic);
                    self.refuse(&topic.to_string(), Code::NotFound).await?;
                }
            }
        }
        self.queue.wake();
        Ok(())
    }

    fn reach(&mut self, topic: Topic, position: Position) {
        if let Some(subscribed) = self.topics.get_mut(&topic) {
            subscribed.visit.reach(position);
        }
    }

    fn catch_up(&mut self, topic: Topic, position: Position) {
        if let Some(subscribed) = self.topics.get_mut(&topic) {
            subscribed.target = None;
            let number = subscribed.number;
            let (history, reading) = (self.live.history.clone(), self.reading.clone());
            self.steps.push(Box::pin(read_on(
                Subscription { topic, number },
                position,
                history,
                reading,
            )));
        }
    }

    async fn give_up(&mut self, topic: Topic, reason: Resync) -> Result<(), End> {
        if self.topics.remove(&topic).is_some() {
            let topic = topic.to_string();
            self.write(
                Reply::Resync {
                    topic: &topic,
                    reason,
                }
                .frame(),
            )
            .await?;
        }
        Ok(())
    }

    async fn write(&mut self, frame: ByteString) -> Result<(), End> {
        within(self.session.text(frame)).await
    }
}

/// A client that takes nothing for long is gone.
async fn within(writing: impl Future<Output = Result<(), actix_ws::Closed>>) -> Result<(), End> {
    match timeout(WRITE_WITHIN, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
