//! One WebSocket: its upgrade, its task, and its end.

mod advance;
mod frames;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use actix_web::{FromRequest, HttpRequest, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use bytestring::ByteString;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use redis_contracts::Topic;
use service_kit::{Code, Problem};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use self::frames::{Fault, Verdict};
use super::{
    Live, OpenSocket,
    history::Reading,
    metrics::Refused,
    protocol::{LARGEST_MESSAGE, MESSAGES_AT_ONCE, MESSAGES_PER_SECOND, RETRY_MS, Reply, Request},
    queue::Queue,
    replay::{Steps, Subscribed},
    sessions::Watched,
};
use crate::{
    State,
    connections::{self, Kind},
    http::{Failure, Signed, Switched},
};

/// The server pings this often.
const PING_EVERY: Duration = Duration::from_secs(25);

/// A client that was silent for this long is gone.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// A client that takes nothing for this long is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

const FRAME_TOO_LARGE: u16 = 1009;
const INTERNAL: u16 = 1011;
const RESTART: u16 = 1012;
const NOT_A_MESSAGE: u16 = 4400;
const SESSION_ENDED: u16 = 4401;
const TOO_MANY_MESSAGES: u16 = 4429;

/// `GET /api/realtime/ws`: anyone signed in; each topic asks for its own permission.
pub(crate) async fn connect(
    signed: Signed,
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<State>,
) -> Result<Switched, Failure> {
    let live = state.live.clone();
    let user_id = signed.caller.user().id;
    let open = live.enter(user_id, &request)?;
    let place = connections::place(&request);
    let frames = Verdict::default();
    let mut body = frames::bounded(body.into_inner(), LARGEST_MESSAGE, frames.clone());
    let body = web::Payload::from_request(&request, &mut body).await;
    let upgraded = body.and_then(|body| actix_ws::handle(&request, body));
    let (response, session, messages) = upgraded.map_err(|_| {
        let detail = "This is a WebSocket: send Upgrade: websocket.";
        Problem::new(Code::Malformed, detail)
    })?;
    let messages = messages
        .max_frame_size(LARGEST_MESSAGE)
        .aggregate_continuations()
        .max_continuation_size(LARGEST_MESSAGE);
    let reading = Reading {
        caller: signed.caller.clone(),
        guard: state.guard.clone(),
        context: (*signed.context).clone(),
    };
    let socket = Socket {
        user_id,
        watched: live.sessions.join(&signed.caller),
        queue: Arc::new(Queue::new(
            place.as_ref().map(|place| place.room(Kind::Events)),
        )),
        steps: Steps::new(live.history.clone(), reading, place),
        live,
        session,
        frames,
        pace: RateLimiter::direct(
            Quota::per_second(MESSAGES_PER_SECOND).allow_burst(MESSAGES_AT_ONCE),
        ),
        chatter: RateLimiter::direct(Quota::per_second(MESSAGES_PER_SECOND)),
        topics: HashMap::new(),
        subscriptions: 0,
        open,
    };
    // Counted by `open`; the supervisor's task `sockets` waits for it.
    actix_web::rt::spawn(socket.run(messages));
    Ok(Switched(response))
}

struct Socket {
    user_id: Uuid,
    live: Live,
    session: Session,
    watched: Watched,
    frames: Verdict,
    /// How often the client may say something, and something that has nothing to do with its topics.
    pace: DefaultDirectRateLimiter,
    chatter: DefaultDirectRateLimiter,
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
            () = stop.cancelled() => End::Close(RESTART, format!(r#"{{"retry_ms":{RETRY_MS}}}"#)),
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
                message = messages.recv() => {
                    heard_at = Instant::now();
                    self.take(message.ok_or(End::Gone)?).await?;
                }
                () = queue.filled() => self.write_waiting().await?,
                taken = self.steps.next() => {
                    let failed = |_| End::Close(INTERNAL, "internal error".to_owned());
                    self.advance(taken.map_err(failed)?).await?;
                }
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
        admit(&self.pace)?;
        match message {
            Ok(AggregatedMessage::Text(text)) => {
                let request = serde_json::from_str(&text);
                self.answer(request.map_err(|_| not_a_message("not a message"))?)
                    .await
            }
            Ok(AggregatedMessage::Ping(payload)) => {
                admit(&self.chatter)?;
                within(self.session.pong(&payload)).await
            }
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Binary(_)) => Err(not_a_message("text frames only")),
            Ok(AggregatedMessage::Close(_)) => Err(End::Close(1000, String::new())),
            Err(_) => match self.frames.fault() {
                Some(Fault::TooLarge) => {
                    Refused::Frame.count();
                    let reason = format!("at most {LARGEST_MESSAGE} bytes in a message");
                    Err(End::Close(FRAME_TOO_LARGE, reason))
                }
                Some(Fault::TooMany) => Err(too_many()),
                None => Err(not_a_message("not a frame of a client")),
            },
        }
    }

    async fn answer(&mut self, request: Request) -> Result<(), End> {
        match request {
            Request::Ping => {
                admit(&self.chatter)?;
                self.write(Reply::Pong.frame()).await
            }
            Request::Subscribe { topic, after } => self.subscribe(&topic, after).await,
            Request::Unsubscribe { topic } => {
                if let Ok(topic) = topic.parse() {
                    self.unsubscribe(topic);
                }
                Ok(())
            }
        }
    }

    async fn write(&mut self, frame: ByteString) -> Result<(), End> {
        within(self.session.text(frame)).await
    }
}

/// Whether the client keeps this pace.
fn admit(pace: &DefaultDirectRateLimiter) -> Result<(), End> {
    pace.check().map_err(|_| too_many())
}

fn too_many() -> End {
    Refused::Messages.count();
    let reason = format!("at most {MESSAGES_PER_SECOND} messages a second");
    End::Close(TOO_MANY_MESSAGES, reason)
}

/// A client that takes nothing for long is gone.
async fn within(writing: impl Future<Output = Result<(), actix_ws::Closed>>) -> Result<(), End> {
    match timeout(WRITE_WITHIN, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
