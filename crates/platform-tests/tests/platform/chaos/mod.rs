//! Writers write and readers reconnect while services, Redis and wires die: nothing is lost, nothing
//! comes twice, everything is in order. `CHAOS_SEED` repeats a run.

mod faults;
mod reader;
mod writer;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use test_kit::{Live, Person, Platform, eventually};

use self::{faults::Fault, reader::Reader, writer::Writer};
use crate::log::{Recorded, all_published, in_timeline};

const WRITERS: usize = 3;
const READERS: usize = 3;
const FAULTS: usize = 16;

/// Everything is slower while things die.
const LONG: Duration = Duration::from_secs(60);

/// What writers and readers look at.
#[derive(Default)]
struct Scene {
    over: AtomicBool,
    accepted: AtomicUsize,
}

impl Scene {
    /// Waits until so many more writes were accepted: how time passes here.
    async fn pass(&self, writes: usize) {
        let wanted = self.accepted.load(Ordering::Relaxed) + writes;
        eventually("writes are accepted", LONG, async || {
            let accepted = self.accepted.load(Ordering::Relaxed);
            if accepted >= wanted {
                Ok(())
            } else {
                Err(format!("{accepted} of {wanted}"))
            }
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_lost_nothing_comes_twice_and_everything_is_in_order() {
    let mut dice = StdRng::seed_from_u64(seed());
    let mut platform = Platform::builder()
        .proxy_cache()
        .proxy_streams()
        .start()
        .await;
    let person = platform.person().await;
    let project = person.create_project("CHAOS").await;
    let (scene, base_url) = (Scene::default(), platform.base_url().to_owned());
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| Writer::new(number, &person, &project, &scene).write(dice.random()))
        .collect();
    let readers: Vec<_> = (0..READERS)
        .map(|_| Reader::new(&base_url, &person, &project).read(dice.random(), &scene))
        .collect();
    let (accepted, heard, ()) = tokio::join!(
        join_all(writers),
        join_all(readers),
        go_wrong(&mut platform, &person, &scene, dice)
    );
    let stored = all_published(&person, &project, &platform.streams).await;
    check_history(&stored, &accepted.into_iter().flatten().collect());
    let newest = &stored[stored.len().saturating_sub(1000)..];
    assert_eq!(in_timeline(&platform.streams, &project).await, newest);
    for heard in heard {
        check_reader(&heard, &stored);
    }
}

async fn go_wrong(platform: &mut Platform, person: &Person, scene: &Scene, mut dice: StdRng) {
    let logout_at = dice.random_range(1..FAULTS);
    for number in 0..FAULTS {
        scene.pass(dice.random_range(1..30)).await;
        if number == logout_at {
            log_out_in_the_middle(platform, person).await;
        }
        Fault::any(&mut dice).happen(platform, scene).await;
    }
    scene.over.store(true, Ordering::Relaxed);
}

#[expect(
    clippy::print_stderr,
    reason = "a run that failed has to be repeatable"
)]
fn seed() -> u64 {
    let given = std::env::var("CHAOS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    eprintln!("CHAOS_SEED={seed}");
    seed
}

/// Another session of the same person ends: its socket too, at once, and it is dead everywhere.
async fn log_out_in_the_middle(platform: &Platform, person: &Person) {
    let leaving = eventually("another session", LONG, async || {
        let session = person.sign_in_again().await;
        let live = Live::connect(platform.base_url(), &session.token).await;
        live.map(|live| (session, live))
            .map_err(|error| error.to_string())
    });
    let (session, mut live) = leaving.await;
    session
        .post("/api/auth/logout", json!({}))
        .await
        .expect(204);
    assert_eq!(live.close_code().await, 4401);
    session
        .get("/api/me")
        .await
        .expect_problem(401, "session_ended");
    for answer in [
        crate::grpc::get_me(platform, &session.token).await,
        crate::grpc::list_projects(platform, &session.token).await,
    ] {
        assert_eq!(answer, Err(crate::grpc::UNAUTHENTICATED));
    }
}

/// Each accepted write is there once, and nothing that was not.
fn check_history(stored: &[Recorded], accepted: &BTreeSet<String>) {
    let of_writers =
        |recorded: &&Recorded| recorded.event["type"] != "devmentor.project.created.v1";
    let made: Vec<String> = stored
        .iter()
        .filter(of_writers)
        .map(|recorded| {
            recorded.event["data"]["id"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let once: BTreeSet<String> = made.iter().cloned().collect();
    assert_eq!(made.len(), once.len(), "something is there twice");
    let lost: Vec<_> = accepted.difference(&once).collect();
    let extra: Vec<_> = once.difference(accepted).collect();
    assert!(
        lost.is_empty() && extra.is_empty(),
        "lost: {lost:?}; never accepted: {extra:?}"
    );
}

fn check_reader(heard: &[Recorded], stored: &[Recorded]) {
    let places = |events: &[Recorded]| {
        events
            .iter()
            .map(|event| event.position.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(places(heard), places(stored));
    assert!(heard == stored, "the same events");
}
