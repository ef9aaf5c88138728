//! Archives that are on their way into the process: one a person, and all of them within a bound.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use service_kit::{Code, Problem};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::waitable::Waitable;

/// Largest archive.
pub(super) const LARGEST: usize = 64 << 20;

/// Bytes of all archives that are held in the process, from their first piece to their last batch.
const MOST_HELD: usize = 256 << 20;

/// Longest wait for the end of an import that the same person began before: whoever hangs up and begins
/// anew is faster than the news of it.
const OWN_WITHIN: Duration = Duration::from_secs(1);

/// Longest wait for room for a piece.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

/// How long an archive may arrive before it gives way when another finds no room.
const GIVES_WAY_AFTER: Duration = Duration::from_secs(30);

/// The archives that are held. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Waitable<State>>);

#[derive(Default)]
struct State {
    held: usize,
    of: HashMap<Uuid, Held>,
}

struct Held {
    began: Instant,
    bytes: usize,
    has_arrived: bool,
    overtaken: CancellationToken,
}

/// An archive of somebody's; its room is free again when it is dropped.
pub(super) struct Upload {
    uploads: Uploads,
    person: Uuid,
    overtaken: CancellationToken,
}

impl Uploads {
    /// A new archive of a person who has none on its way.
    pub(super) async fn begin(&self, person: Uuid) -> Result<Upload, Problem> {
        let begun = self.0.when(OWN_WITHIN, |state| state.begin(person)).await;
        let overtaken = begun.ok_or_else(|| {
            Problem::new(
                Code::RateLimited,
                "An archive of yours is being imported; wait until it is done.",
            )
        })?;
        Ok(Upload {
            uploads: self.clone(),
            person,
            overtaken,
        })
    }
}

impl State {
    fn begin(&mut self, person: Uuid) -> Option<CancellationToken> {
        if self.of.contains_key(&person) {
            return None;
        }
        let overtaken = CancellationToken::new();
        let held = Held {
            began: Instant::now(),
            bytes: 0,
            has_arrived: false,
            overtaken: overtaken.clone(),
        };
        self.of.insert(person, held);
        Some(overtaken)
    }

    /// Room for so many bytes more; where there is none, the archive that has taken longest gives way, so
    /// that nobody keeps the room by sending slowly.
    fn take(&mut self, person: Uuid, bytes: usize) -> Option<()> {
        if self.held + bytes > MOST_HELD {
            self.overtake(person);
            return None;
        }
        self.held += bytes;
        self.of.get_mut(&person)?.bytes += bytes;
        Some(())
    }

    fn overtake(&self, by: Uuid) {
        let slow = self.of.iter().filter(|(person, held)| {
            **person != by && !held.has_arrived && held.began.elapsed() > GIVES_WAY_AFTER
        });
        if let Some((_, slowest)) = slow.min_by_key(|(_, held)| held.began) {
            slowest.overtaken.cancel();
        }
    }
}

impl Upload {
    /// Takes room for a piece.
    pub(super) async fn take(&self, bytes: usize) -> Result<(), Problem> {
        let attempt = |state: &mut State| state.take(self.person, bytes);
        let taken = self.uploads.0.when(ROOM_WITHIN, attempt).await;
        taken.ok_or_else(|| Problem::unavailable("Room for one more archive (others are arriving)"))
    }

    /// Ends when it has to give way to others.
    pub(super) async fn overtaken(&self) {
        self.overtaken.cancelled().await;
    }

    /// It is here: it gives way no more.
    pub(super) fn arrived(&self) {
        if let Some(held) = self.uploads.0.lock().of.get_mut(&self.person) {
            held.has_arrived = true;
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.0.change(|state| {
            let held = state.of.remove(&self.person);
            state.held -= held.map_or(0, |held| held.bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many people whose archives, as large as any, have filled all the room.
    async fn full(uploads: &Uploads) -> Vec<Upload> {
        let mut all = Vec::new();
        for _ in 0..MOST_HELD / LARGEST {
            let upload = uploads.begin(Uuid::now_v7()).await.expect("a place");
            upload.take(LARGEST).await.expect("room");
            all.push(upload);
        }
        all
    }

    /// An archive has taken longer than it has the room for itself.
    fn age(upload: &Upload) {
        let mut state = upload.uploads.0.lock();
        let held = state.of.get_mut(&upload.person).expect("it is held");
        held.began -= GIVES_WAY_AFTER + Duration::from_secs(1);
    }

    #[tokio::test]
    async fn a_person_has_one_archive_on_its_way_until_it_is_dropped() {
        let uploads = Uploads::default();
        let person = Uuid::now_v7();
        let first = uploads.begin(person).await.expect("a place");
        let _another = uploads.begin(Uuid::now_v7()).await.expect("a place");
        let second = uploads.begin(person).await.map(drop).expect_err("refused");
        assert_eq!(second.code, Code::RateLimited);
        let (second, ()) = tokio::join!(uploads.begin(person), async { drop(first) });
        second.map(drop).expect("the place is free");
    }

    #[tokio::test]
    async fn what_is_held_is_bounded_and_who_is_slow_gives_way() {
        let uploads = Uploads::default();
        let all = full(&uploads).await;
        let late = uploads.begin(Uuid::now_v7()).await.expect("a place");
        age(&late);
        assert_eq!(uploads.0.lock().take(late.person, 1), None);
        assert!(all.iter().all(|other| !other.overtaken.is_cancelled()));
        all[..3].iter().for_each(age);
        age(&all[1]);
        all[1].arrived();
        age(&all[2]);
        let (room, all) = tokio::join!(late.take(1), async {
            all[2].overtaken().await;
            let kept = |(place, upload)| (place != 2).then_some(upload);
            let all = all.into_iter().enumerate();
            all.filter_map(kept).collect::<Vec<_>>()
        });
        room.expect("the slowest gave way");
        assert!(all.iter().all(|other| !other.overtaken.is_cancelled()));
        drop((all, late));
        assert_eq!(uploads.0.lock().held, 0, "all were dropped");
    }
}
