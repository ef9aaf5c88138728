use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TODAY: i64 = 20_000;
const PROCESSES: usize = 3;
const ALLOWS: u64 = 1000;
/// Bytes of a change at most.
const LARGEST: u64 = 100;

/// What happens at one process.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A change of so many bytes is asked for.
    Change(usize, u64),
    /// Redis is told.
    Tell(usize),
    /// The process starts anew.
    Restart(usize),
    /// Redis loses all; each process finds its link made anew.
    Empty,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let process = 0..PROCESSES;
    let step = prop_oneof![
        12 => (process.clone(), 1..=LARGEST).prop_map(|(at, bytes)| Step::Change(at, bytes)),
        4 => process.clone().prop_map(Step::Tell),
        1 => process.prop_map(Step::Restart),
        1 => Just(Step::Empty),
    ];
    prop::collection::vec(step, 1..300)
}

#[derive(Default)]
struct Model {
    ledgers: [Ledger; PROCESSES],
    /// What Redis holds, by counter.
    held: BTreeMap<Uuid, u64>,
    let_in: u64,
    /// Let in at each process since it last told.
    fresh: [u64; PROCESSES],
    /// The most that each, since it started, let in between two times.
    burst: [u64; PROCESSES],
    /// What restarts and losses took with them, and what processes that have ended let in as each does.
    lost: u64,
}

impl Model {
    fn run(&mut self, person: Uuid, step: Step) {
        match step {
            Step::Change(at, bytes) => {
                let ledger = &mut self.ledgers[at];
                if ledger.total(TODAY, person) < ALLOWS {
                    ledger.add(TODAY, person, bytes);
                    self.let_in += bytes;
                    self.fresh[at] += bytes;
                    self.burst[at] = self.burst[at].max(self.fresh[at]);
                }
            }
            Step::Tell(at) => self.tell(at),
            Step::Restart(at) => {
                self.lost += std::mem::take(&mut self.fresh[at]);
                self.lost += std::mem::take(&mut self.burst[at]);
                self.ledgers[at] = Ledger::default();
            }
            Step::Empty => {
                // What a process said before it was restarted is not said again.
                self.lost += self.held.values().sum::<u64>();
                self.held.clear();
                self.ledgers.iter_mut().for_each(Ledger::untell_all);
            }
        }
    }

    fn tell(&mut self, at: usize) {
        for counted in self.ledgers[at].take_untold(usize::MAX) {
            if counted.bytes > 0 {
                self.held.insert(counted.counter, counted.bytes);
            }
            let sum = self.held.values().sum();
            self.ledgers[at].learn(&counted, sum);
        }
        self.fresh[at] = 0;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_person_gets_their_share_and_what_each_process_lets_in_until_it_hears(steps in steps()) {
        let (mut model, person) = (Model::default(), Uuid::now_v7());
        for step in steps {
            model.run(person, step);
            let most = ALLOWS + model.burst.iter().sum::<u64>() + model.lost;
            prop_assert!(model.let_in <= most, "{} > {most}", model.let_in);
        }
    }
}

#[test]
fn who_is_known_to_have_their_share_gets_nothing_more_anywhere() {
    let (mut model, person) = (Model::default(), Uuid::now_v7());
    while model.let_in < ALLOWS {
        model.run(person, Step::Change(0, LARGEST));
    }
    model.run(person, Step::Tell(0));
    for at in 1..PROCESSES {
        // Asking is enough to make a process ask.
        model.ledgers[at].total(TODAY, person);
        model.run(person, Step::Tell(at));
    }
    model.run(person, Step::Empty);
    for at in 0..PROCESSES {
        model.run(person, Step::Change(at, LARGEST));
    }
    assert_eq!(model.let_in, ALLOWS);
}

#[test]
fn a_day_begins_anew_and_what_was_said_late_changes_nothing() {
    let (mut ledger, person) = (Ledger::default(), Uuid::now_v7());
    ledger.add(TODAY, person, 700);
    let told = ledger.take_untold(usize::MAX);
    assert_eq!((told.len(), told[0].bytes, told[0].day), (1, 700, TODAY));
    assert_eq!(ledger.total(TODAY + 1, person), 0);
    ledger.learn(&told[0], 5000);
    assert_eq!(ledger.total(TODAY + 1, person), 0);
}

#[test]
fn people_are_bounded_and_those_who_add_most_are_remembered() {
    let (mut ledger, heavy) = (Ledger::default(), Uuid::now_v7());
    ledger.add(TODAY, heavy, 1_000_000);
    for number in 0..200_000_u64 {
        ledger.add(TODAY, Uuid::from_u128(number.into()), number % 1000);
    }
    assert_eq!(ledger.total(TODAY, heavy), 1_000_000);
    let told = ledger.take_untold(usize::MAX).len();
    assert!(told <= 50_000, "{told}");
}

#[test]
fn refusals_say_how_much_there_may_be_and_when_to_come_back() {
    let noon_ms = TODAY * DAY_MS + DAY_MS / 2;
    let problem = refusal(Share::Stream, 64 << 20, noon_ms);
    assert_eq!(problem.code, Code::RateLimited);
    assert_eq!(
        problem.detail,
        "You may add 64 MiB of changes in a day (UTC). Go on in 12 hours."
    );
    assert_eq!(problem.retry_after, Some(Duration::from_secs(43_201)));
    assert_eq!(size(3 << 10), "3 KiB");
    assert_eq!(size(1000), "1000 bytes");
}
