//! From a change to the sockets that hear of it. Two times are taken of the platform: from the
//! moment before the request is sent, and from the moment in the event's position, which is taken in
//! the transaction, before its commit. The ceiling is a bare PUBLISH into a bare server that sends
//! the same text to as many sockets, from the moment before the PUBLISH.

use std::time::Duration;

use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use test_kit::{Person, Platform};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    ceiling::{Ceiling, Serve},
    crowd::{Crowd, Door, Times, mark},
    load::{HttpConnection, Step, percentile_ms, post},
    me::gateway_port,
    plan::Plan,
    report::{Expected, Figure, Report, Unit, progress},
};

/// Sockets that listen.
pub const SOCKETS: usize = 1_000;

/// Time between two events: 20 a second.
const EVERY: Duration = Duration::from_millis(50);

/// Events are few, so they are measured for longer than requests.
const LONGER: u32 = 3;

const CHANNEL: &str = "bench";

pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    // All sockets are one person's here.
    let platform = Platform::builder()
        .set("limits.sockets_per_person", "0")
        .set("limits.connections_per_address", "0")
        .start()
        .await;
    let person = platform.person().await;
    let mut ours = Ours::open(&platform, &person).await?;
    progress(&format!("  {SOCKETS} sockets of the gateway are open"));
    let frame = ours.a_frame(&person).await?;
    let mut bare = Bare::open(&platform, frame).await?;
    progress(&format!("  {SOCKETS} bare sockets are open"));

    let length = plan.round() * LONGER;
    let (mut ours_measured, mut bare_measured) = (Measured::default(), Measured::default());
    for round in plan.rounds() {
        bare_measured.add(&bare.round(length).await?);
        ours_measured.add(&ours.round(length).await?);
        progress(&format!("  round {round}"));
    }
    Ok(report(ours_measured, bare_measured))
}

fn report(ours: Measured, bare: Measured) -> Report {
    let figure = |name: &str, rounds| Figure::median(name, Unit::Milliseconds, rounds);
    let bare_p50 = figure("bare Pub/Sub, p50", bare.sent_p50);
    let bare_p99 = figure("bare Pub/Sub, p99", bare.sent_p99);
    let over = Some(Expected::DifferenceAtMost(25.0));
    let mut report = Report::default();
    report.row(
        &figure("commit to socket, p50", ours.position_p50),
        &bare_p50,
        None,
    );
    report.row(
        &figure("commit to socket, p99", ours.position_p99),
        &bare_p99,
        over,
    );
    report.row(
        &figure("POST to socket, p50", ours.sent_p50),
        &bare_p50,
        None,
    );
    report.row(
        &figure("POST to socket, p99", ours.sent_p99),
        &bare_p99,
        over,
    );
    report
}

#[derive(Default)]
struct Measured {
    sent_p50: Vec<f64>,
    sent_p99: Vec<f64>,
    position_p50: Vec<f64>,
    position_p99: Vec<f64>,
}

impl Measured {
    fn add(&mut self, times: &Times) {
        self.sent_p50.push(percentile_ms(&times.since_sent, 50.0));
        self.sent_p99.push(percentile_ms(&times.since_sent, 99.0));
        self.position_p50
            .push(percentile_ms(&times.since_position, 50.0));
        self.position_p99
            .push(percentile_ms(&times.since_position, 99.0));
    }
}

/// Tasks made by REST, and sockets of the gateway that hear of them.
pub struct Ours {
    crowd: Crowd,
    http: HttpConnection,
    token: String,
    project: Value,
    path: String,
}

impl Ours {
    /// A project, and everyone listening to it.
    pub async fn open(platform: &Platform, person: &Person) -> anyhow::Result<Self> {
        let project = person.create_project("LIVE").await;
        let id = project["id"].as_str().context("a project id")?;
        let path = format!("/api/projects/{id}/tasks");
        let port = gateway_port(platform)?;
        let subscribe = json!({"type": "subscribe", "topic": format!("project:{id}")});
        let door = Door {
            port,
            path: "/api/realtime/ws",
            token: person.token.clone(),
            subscribe: Some(subscribe.to_string()),
        };
        Ok(Self {
            crowd: Crowd::open(SOCKETS, &door).await?,
            http: HttpConnection::open(port, Vec::new(), "201").await?,
            token: person.token.clone(),
            project,
            path,
        })
    }

    /// Makes tasks for a while; when they were heard of.
    pub async fn round(&mut self, length: Duration) -> anyhow::Result<Times> {
        let (events, mut ticks) = paced(length);
        self.crowd.begin(events);
        for number in 0..events {
            ticks.tick().await;
            let task = json!({"title": mark(number)});
            self.http.set_request(post(&self.path, &self.token, &task));
            self.crowd.sending();
            self.http.step().await?;
        }
        self.crowd.finish().await
    }

    /// The text of an event of a task, as a socket is sent it.
    async fn a_frame(&self, person: &Person) -> anyhow::Result<String> {
        let mut live = person.live().await;
        let id = self.project["id"].as_str().context("a project id")?;
        live.subscribe(&format!("project:{id}"), None).await;
        live.expect("subscribed").await;
        person.create_task(&self.project, &mark(0)).await;
        Ok(live.expect("event").await.to_string())
    }
}

/// The same without a platform.
struct Bare {
    crowd: Crowd,
    redis: MultiplexedConnection,
    frame: String,
    _server: Ceiling,
}

impl Bare {
    async fn open(platform: &Platform, frame: String) -> anyhow::Result<Self> {
        let redis_url = platform.streams.url();
        let server = Ceiling::start(|port| Serve::Sockets {
            port,
            redis_url,
            channel: CHANNEL.to_owned(),
        })
        .await?;
        let door = Door {
            port: server.port,
            path: "/",
            token: String::new(),
            subscribe: None,
        };
        Ok(Self {
            crowd: Crowd::open(SOCKETS, &door).await?,
            redis: platform.streams.connect().await,
            frame,
            _server: server,
        })
    }

    async fn round(&mut self, length: Duration) -> anyhow::Result<Times> {
        let (events, mut ticks) = paced(length);
        self.crowd.begin(events);
        for number in 0..events {
            ticks.tick().await;
            let frame = self.frame.replace(&mark(0), &mark(number));
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(CHANNEL).arg(frame);
            self.crowd.sending();
            publish.exec_async(&mut self.redis).await?;
        }
        self.crowd.finish().await
    }
}

/// How many events there are in this time, and their pace. One that is late is not skipped.
fn paced(length: Duration) -> (usize, Interval) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let events = length.div_duration_f64(EVERY).round() as usize;
    (events.max(1), ticks)
}
