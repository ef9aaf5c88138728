//! Who waits for a password thread. Devices that an account knows wait apart from strangers, so that a
//! storm of these leaves places for them; and in both lines each network has its turn, whatever the
//! others send.

use std::collections::VecDeque;

use super::argon::Memory;

/// Strangers that may wait.
const STRANGERS: usize = 48;

/// Known devices that may wait.
const KNOWN: usize = 16;

/// Where somebody waits.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whether the account that is signed in to knows their device.
    pub is_known: bool,
    /// Their network, /24 or /48.
    pub network: String,
}

impl Line {
    /// The process's own.
    pub fn own() -> Self {
        Self {
            is_known: true,
            network: "own".to_owned(),
        }
    }
}

/// What is done with a thread's memory; without it, the one who waits is turned away.
pub(super) type Job = Box<dyn FnOnce(Option<&mut Memory>) + Send>;

/// All who wait.
pub(super) struct Waiting {
    strangers: Queue,
    known: Queue,
    known_is_next: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            strangers: Queue::new(STRANGERS),
            known: Queue::new(KNOWN),
            known_is_next: true,
        }
    }
}

impl Waiting {
    /// Lets somebody wait; answers who is turned away for it, perhaps they themselves.
    pub(super) fn join(&mut self, line: Line, job: Job) -> Option<Job> {
        let queue = match line.is_known {
            true => &mut self.known,
            false => &mut self.strangers,
        };
        queue.join(line.network, job)
    }

    /// Whose turn it is: known devices and strangers alternate.
    pub(super) fn next(&mut self) -> Option<Job> {
        let (first, second) = match self.known_is_next {
            true => (&mut self.known, &mut self.strangers),
            false => (&mut self.strangers, &mut self.known),
        };
        self.known_is_next = !self.known_is_next;
        first.next().or_else(|| second.next())
    }
}

/// Some who wait, by network, the one whose turn is next in front.
struct Queue {
    networks: VecDeque<(String, VecDeque<Job>)>,
    places: usize,
}

impl Queue {
    const fn new(places: usize) -> Self {
        Self {
            networks: VecDeque::new(),
            places,
        }
    }

    fn len(&self) -> usize {
        self.networks.iter().map(|(_, jobs)| jobs.len()).sum()
    }

    /// Without a place left, the network with the most gives its last up to one that has fewer.
    fn join(&mut self, network: String, job: Job) -> Option<Job> {
        let mut turned_away = None;
        if self.len() == self.places {
            let own = self.jobs_of(&network).map_or(0, |jobs| jobs.len());
            let longest = self.networks.iter_mut().map(|(_, jobs)| jobs);
            let Some(longest) = longest.max_by_key(|jobs| jobs.len()) else {
                return Some(job);
            };
            if longest.len() <= own + 1 {
                return Some(job);
            }
            turned_away = longest.pop_back();
        }
        match self.jobs_of(&network) {
            Some(jobs) => jobs.push_back(job),
            None => self.networks.push_back((network, VecDeque::from([job]))),
        }
        turned_away
    }

    fn jobs_of(&mut self, network: &str) -> Option<&mut VecDeque<Job>> {
        let mut networks = self.networks.iter_mut();
        networks
            .find(|(held, _)| held == network)
            .map(|(_, jobs)| jobs)
    }

    fn next(&mut self) -> Option<Job> {
        let (network, mut jobs) = self.networks.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.networks.push_back((network, jobs));
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What became of each who came, by their number.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<(usize, bool)>>>);

    impl Told {
        fn job(&self, number: usize) -> Job {
            let told = self.clone();
            Box::new(move |memory| {
                told.0
                    .lock()
                    .expect("unlocked")
                    .push((number, memory.is_some()))
            })
        }

        fn take(&self) -> Vec<(usize, bool)> {
            std::mem::take(&mut self.0.lock().expect("unlocked"))
        }
    }

    fn line(is_known: bool, network: &str) -> Line {
        Line {
            is_known,
            network: network.to_owned(),
        }
    }

    fn serve(waiting: &mut Waiting) {
        let mut memory = Memory::default();
        while let Some(job) = waiting.next() {
            job(Some(&mut memory));
        }
    }

    #[test]
    fn a_storm_of_strangers_leaves_places_for_known_devices() {
        let (mut waiting, told) = (Waiting::default(), Told::default());
        let mut refused = 0;
        for number in 0..1000 {
            let network = format!("10.0.{}.0/24", number % 250);
            if let Some(job) = waiting.join(line(false, &network), told.job(number)) {
                refused += 1;
                job(None);
            }
        }
        assert_eq!(refused, 1000 - STRANGERS);
        told.take();
        for number in 0..KNOWN {
            let turned_away = waiting.join(line(true, "192.0.2.0/24"), told.job(number));
            assert!(turned_away.is_none(), "{number}");
        }
        assert!(
            waiting
                .join(line(true, "192.0.2.0/24"), told.job(0))
                .is_some()
        );
        waiting.next().expect("somebody")(Some(&mut Memory::default()));
        assert_eq!(
            told.take(),
            [(0, true)],
            "they do not wait behind the storm"
        );
    }

    #[test]
    fn a_network_takes_no_place_that_another_needs() {
        let (mut waiting, told) = (Waiting::default(), Told::default());
        for number in 0..KNOWN {
            let turned_away = waiting.join(line(true, "storm"), told.job(number));
            assert!(turned_away.is_none());
        }
        for number in 0..KNOWN / 2 {
            let turned_away = waiting.join(line(true, "calm"), told.job(100 + number));
            turned_away.expect("the last of the storm")(None);
        }
        let away: Vec<_> = told.take().into_iter().map(|(number, _)| number).collect();
        assert_eq!(away, (KNOWN / 2..KNOWN).rev().collect::<Vec<_>>());
        let turned_away = waiting.join(line(true, "calm"), told.job(200));
        turned_away.expect("it has as many by now")(None);
        assert_eq!(told.take(), [(200, false)]);
        serve(&mut waiting);
        let served: Vec<_> = told.take().into_iter().map(|(number, _)| number).collect();
        assert_eq!(served[..4], [0, 100, 1, 101], "each in its turn");
    }
}
