//! From a rating to the page that shows it: from before `POST /api/feedback` until the person's
//! WebSocket has their moved profile, one after the other. The ceiling is the bare way of the same
//! text: XADD, a loop of XREADGROUP and PUBLISH, a subscriber.

use anyhow::{Context as _, anyhow};
use futures_util::StreamExt;
use redis::{
    AsyncCommands,
    aio::{MultiplexedConnection, PubSubStream},
};
use redis_contracts::{EVENT_FIELD, event::LEARNING_PROFILE_UPDATED};
use serde_json::{Value, json};
use test_kit::{Live, Person, Platform, RedisServer};

use crate::{
    ceiling::{Process, RELAYED, Serve},
    load::{HttpConnection, Load, Step, post},
    me::gateway_port,
    plan::Plan,
    report::{Expected, Figure, Report, Unit, progress},
    rounds::Rounds,
};

/// How long it may take.
const BUDGET_MS: f64 = 50.0;

/// One at a time are few, so they are measured for longer.
const LONGER: u32 = 3;

const CHANNEL: &str = "bench";

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let platform = Platform::start().await;
    let person = platform.person().await;
    let mut ours = Load::new(vec![Rating::open(&platform, &person).await?]);
    let redis = RedisServer::streams().await;
    let redis_url = redis.url();
    let relay = Serve::Relay {
        redis_url,
        channel: CHANNEL.to_owned(),
    };
    let _relay = Process::start(relay)?;
    let mut bare = Load::new(vec![Bare::open(&redis).await?]);
    ours.round(plan.round()).await?; // warm
    bare.round(plan.round()).await?;
    let length = plan.round() * LONGER;
    let (mut ours_measured, mut bare_measured) = (Rounds::default(), Rounds::default());
    for round in plan.rounds() {
        bare_measured.add(&bare.round(length).await?, 1.0);
        ours_measured.add(&ours.round(length).await?, 1.0);
        progress(&format!("  round {round}"));
    }
    let ours = ours_measured.figures("rating to page");
    let bare = bare_measured.figures("bare pipeline");
    let budget = Figure::budget(Unit::Milliseconds, BUDGET_MS);
    let mut report = Report::default();
    report.row(&ours.p99, &budget, Some(Expected::RatioAtMost(1.0)));
    report.row(&ours.p50, &bare.p50, None);
    report.row(&ours.p99, &bare.p99, None);
    Ok(report)
}

/// Rates the same reply again and again, and waits for each to show.
struct Rating {
    http: HttpConnection,
    live: Live,
    given: u64,
}

impl Rating {
    async fn open(platform: &Platform, person: &Person) -> anyhow::Result<Self> {
        let question = json!({"message": "What should I do next?"});
        let reply = person.post("/api/ai/chat", question).await.expect(200);
        let rating = json!({
            "target_type": "mentor_reply", "target_id": reply["message_id"], "rating": 4,
        });
        let mut live = person.live().await;
        live.subscribe(&format!("user:{}", person.id), None).await;
        live.expect("subscribed").await;
        let request = post("/api/feedback", &person.token, &rating);
        let port = gateway_port(platform)?;
        Ok(Self {
            http: HttpConnection::open(port, request, "202").await?,
            live,
            given: 0,
        })
    }
}

impl Step for Rating {
    async fn step(&mut self) -> anyhow::Result<()> {
        self.given += 1;
        tokio::try_join!(self.http.step(), shown(&mut self.live, self.given))?;
        Ok(())
    }
}

/// Waits until the profile shows so many ratings.
async fn shown(live: &mut Live, ratings: u64) -> anyhow::Result<()> {
    loop {
        let frame = live.next().await.map_err(|lost| anyhow!("{lost:?}"))?;
        let Value::Object(event) = &frame["event"] else {
            continue;
        };
        let count = &event["data"]["feedback_count"];
        if event["type"] == LEARNING_PROFILE_UPDATED && *count == ratings {
            return Ok(());
        }
    }
}

/// Appends, and waits until the subscriber has it.
struct Bare {
    redis: MultiplexedConnection,
    messages: PubSubStream,
    event: String,
}

impl Bare {
    async fn open(redis: &RedisServer) -> anyhow::Result<Self> {
        let client = redis::Client::open(redis.url())?;
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(CHANNEL).await?;
        Ok(Self {
            redis: redis.connect().await,
            messages: subscription.into_on_message(),
            event: crate::ratings::ratings(&[uuid::Uuid::now_v7()], 1)?.remove(0),
        })
    }
}

impl Step for Bare {
    async fn step(&mut self) -> anyhow::Result<()> {
        let entry = [(EVENT_FIELD, &self.event)];
        let _: String = self.redis.xadd(RELAYED, "*", &entry).await?;
        self.messages.next().await.context("no message")?;
        Ok(())
    }
}
