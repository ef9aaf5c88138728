use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A family whose first token was not used yet.
fn beginning(token: &RefreshToken) -> Family {
    Family {
        newest: token.sha256(),
        open: Vec::new(),
        overtaken: Vec::new(),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms)
}

/// A family as a server keeps it, asked at growing moments.
struct Server {
    family: Family,
    now_ms: i64,
    asked: u64,
}

impl Server {
    fn new(first: &RefreshToken) -> Self {
        Self {
            family: beginning(first),
            now_ms: 0,
            asked: 0,
        }
    }

    fn wait(&mut self, ms: i64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn present(&mut self, token: &RefreshToken) -> Presented {
        self.asked += 1;
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&self.asked.to_be_bytes());
        let presented = self.family.present(token, salt, at(self.now_ms));
        if let Presented::Rotated(_, next) | Presented::Beside(_, next) = &presented {
            // What is stored is what goes on.
            self.family = Family::stored(&next.newest, &next.made_json()).expect("a stored family");
            assert_eq!(self.family, *next);
        }
        presented
    }

    /// The successor; panics where there is none.
    fn refresh(&mut self, token: &RefreshToken) -> RefreshToken {
        match self.present(token) {
            Presented::Rotated(next, _) | Presented::Again(next) | Presented::Beside(next, _) => {
                next
            }
            refused => panic!("{refused:?}"),
        }
    }
}

fn family_of_one() -> (RefreshToken, Server) {
    let first = RefreshToken::new().expect("random bytes");
    let server = Server::new(&first);
    (first, server)
}

#[test]
fn a_token_is_its_text_and_shows_nothing_else() {
    let token = RefreshToken::new().expect("random bytes");
    assert_eq!(RefreshToken::parse(&token.text()), Some(token.clone()));
    assert_eq!(format!("{token:?}"), "RefreshToken");
    for bad in [
        "",
        "dmr_",
        "dmr_AAAA",
        &token.text()[4..],
        &format!("{}A", token.text()),
    ] {
        assert_eq!(RefreshToken::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_family_of_an_earlier_version_goes_on() {
    let (first, mut server) = family_of_one();
    let second = server.refresh(&first);
    let third = server.refresh(&second);
    let stored = server.family.made_json();
    let mut made: Vec<serde_json::Value> = serde_json::from_str(&stored).expect("JSON");
    for entry in &mut made {
        entry
            .as_object_mut()
            .expect("an object")
            .remove("successor");
    }
    let earlier = serde_json::to_string(&made).expect("JSON");
    let family = Family::stored(&third.sha256(), &earlier);
    assert_eq!(family, Ok(server.family));
    assert!(Family::stored(&[1, 2], "[]").is_err());
    assert!(Family::stored(&[1; 32], "{").is_err());
}

#[test]
fn repeats_do_not_prolong_the_grace() {
    let (first, mut server) = family_of_one();
    let made = server.refresh(&first);
    assert_eq!(server.wait(6000).refresh(&first), made);
    assert_eq!(server.wait(3999).refresh(&first), made);
    assert_ne!(server.wait(1).refresh(&first), made);
}

#[test]
fn an_hour_of_lost_answers_ends_nothing() {
    let (first, mut server) = family_of_one();
    let mut last = server.refresh(&first);
    for _ in 0..240 {
        last = server.wait(15_000).refresh(&first);
        assert!(server.family.open.len() <= MOST_OPEN);
    }
    let next = server.wait(1000).refresh(&last);
    server.wait(300_000).refresh(&next);
}

#[test]
fn a_request_that_arrives_a_minute_late_ends_nothing() {
    let (first, mut server) = family_of_one();
    let heard = server.refresh(&first);
    server.wait(60_000).refresh(&first);
    let next = server.wait(240_000).refresh(&heard);
    server.wait(300_000).refresh(&next);
}

#[test]
fn an_answer_that_comes_after_its_retry_ends_nothing() {
    let (first, mut server) = family_of_one();
    let late = server.refresh(&first);
    // The retry is on its way while the first answer comes and is used.
    server.wait(12_000).refresh(&first);
    let next = server.wait(1000).refresh(&late);
    server.wait(300_000).refresh(&next);
}

/// Who asks all the time, so that the latest successor is always young, is not given the owner's.
#[test]
fn a_thief_who_polls_is_found_when_the_owner_goes_on() {
    for poll_ms in [100, 1000, 5000] {
        let (stolen, mut server) = family_of_one();
        let owners = server.refresh(&stolen);
        for _ in 0..(100_000 / poll_ms) {
            let given = server.wait(poll_ms).refresh(&stolen);
            let is_shared = given == owners;
            assert_eq!(is_shared, server.now_ms < GRACE_MS, "{}", server.now_ms);
        }
        server.refresh(&owners);
        assert_eq!(server.wait(poll_ms).present(&stolen), Presented::Stolen);
    }
}

#[test]
fn a_thief_one_step_behind_is_found_when_the_second_of_the_two_comes() {
    for owner_first in [true, false] {
        let (stolen, mut server) = family_of_one();
        let owners = server.refresh(&stolen);
        let thiefs = server.wait(11_500).refresh(&stolen);
        assert_ne!(owners, thiefs);
        let (one, other) = match owner_first {
            true => (owners, thiefs),
            false => (thiefs, owners),
        };
        server.wait(300_000).refresh(&one);
        assert_eq!(server.wait(1).present(&other), Presented::Stolen);
    }
}

#[test]
fn a_successor_that_was_crowded_out_counts_as_overtaken() {
    let (stolen, mut server) = family_of_one();
    let owners = server.refresh(&stolen);
    for _ in 0..MOST_OPEN {
        server.wait(GRACE_MS).refresh(&stolen);
    }
    assert_eq!(server.present(&owners), Presented::Stolen);
}

#[test]
fn a_family_rotated_without_end_keeps_little_and_calls_nobody_a_thief() {
    let (first, mut server) = family_of_one();
    let mut token = first.clone();
    for _ in 0..10 * MOST_OVERTAKEN {
        token = server.refresh(&token);
    }
    assert_eq!(server.family.overtaken.len(), MOST_OVERTAKEN);
    assert!(server.family.made_json().len() < 8192);
    assert_eq!(server.wait(1).present(&first), Presented::TooOften);
    assert_eq!(server.wait(GRACE_MS).present(&first), Presented::Stolen);
}

/// What an honest person's devices do, one after the other.
#[derive(Clone, Debug)]
enum Step {
    /// A tab refreshes with the token that all share; the answer may be lost.
    Refresh { heard: bool },
    /// All tabs do at once, and each hears its answer.
    WakeTogether { tabs: usize },
    /// The network delivers the last request once more.
    DeliverAgain,
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(|heard| Step::Refresh { heard }),
        1 => (2usize..20).prop_map(|tabs| Step::WakeTogether { tabs }),
        2 => Just(Step::DeliverAgain),
    ];
    prop::collection::vec((step, 0i64..60_000), 1..80)
}

/// An honest person: one token is held, the last request may be delivered again. A refresh that was
/// heard is followed by the next one in 70 s at the earliest, as access tokens are good for longer.
struct Honest {
    held: RefreshToken,
    asked: RefreshToken,
    due_ms: i64,
}

impl Honest {
    fn take(&mut self, server: &mut Server, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Refresh { .. } | Step::WakeTogether { .. } if server.now_ms < self.due_ms => {}
            Step::Refresh { heard } => {
                self.asked = self.held.clone();
                let next = answer(server.present(&self.held))?;
                if *heard {
                    self.hear(next, server.now_ms);
                }
            }
            Step::WakeTogether { tabs } => {
                self.asked = self.held.clone();
                let answers: Result<Vec<_>, _> = (0..*tabs)
                    .map(|_| answer(server.present(&self.asked)))
                    .collect();
                let mut answers = answers?;
                answers.dedup();
                prop_assert_eq!(answers.len(), 1, "tabs agree");
                self.hear(answers.remove(0), server.now_ms);
            }
            Step::DeliverAgain => {
                answer(server.present(&self.asked))?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, next: RefreshToken, now_ms: i64) {
        self.held = next;
        self.due_ms = now_ms + 70_000;
    }
}

fn answer(presented: Presented) -> Result<RefreshToken, TestCaseError> {
    match presented {
        Presented::Rotated(next, _) | Presented::Again(next) | Presented::Beside(next, _) => {
            Ok(next)
        }
        refused => Err(TestCaseError::fail(format!("{refused:?}"))),
    }
}

proptest! {
    /// Whatever the interleaving of tabs, lost answers and late duplicates: nobody is signed out.
    #[test]
    fn an_honest_person_is_never_called_a_thief(steps in steps()) {
        let (first, mut server) = family_of_one();
        let mut honest = Honest { held: first.clone(), asked: first, due_ms: 0 };
        for (step, wait_ms) in steps {
            server.wait(wait_ms);
            honest.take(&mut server, &step)?;
        }
    }

    /// Whoever presents whatever they hold, at whatever distance: of the successors of a token, one is used
    /// at most, and what was made beside it ends the family.
    #[test]
    fn of_the_successors_of_a_token_the_first_used_counts(
        moves in prop::collection::vec((0usize..8, 0i64..30_000), 1..120),
    ) {
        let (first, mut server) = family_of_one();
        let mut held = vec![first];
        let mut parents: HashMap<String, String> = HashMap::new();
        let mut used: HashMap<String, String> = HashMap::new();
        for (back, wait_ms) in moves {
            server.wait(wait_ms);
            let token = held[held.len() - 1 - back.min(held.len() - 1)].clone();
            let text = token.text();
            let rival = parents.get(&text).and_then(|parent| used.get(parent)).filter(|used| **used != text);
            let next = match server.present(&token) {
                Presented::Stolen => return Ok(()),
                Presented::TooOften => continue,
                _ if rival.is_some() => return Err(TestCaseError::fail("another successor was used")),
                Presented::Rotated(next, _) => {
                    if let Some(parent) = parents.get(&text) {
                        prop_assert_eq!(used.insert(parent.clone(), text.clone()), None);
                    }
                    next
                }
                Presented::Again(next) | Presented::Beside(next, _) => next,
            };
            let parent = parents.entry(next.text()).or_insert_with(|| text.clone());
            prop_assert_eq!(parent, &text, "a successor follows one token");
            if !held.contains(&next) {
                held.push(next);
            }
        }
    }

    /// An owner and a thief hold the same token, and both refresh each time it is due. While they come
    /// within the grace of each other they cannot be told apart; the first time that they do not,
    /// each gets their own successor, and the second to use theirs ends the family.
    #[test]
    fn a_thief_at_any_distance_is_found(
        honest in steps(),
        rounds in prop::collection::vec((any::<bool>(), prop_oneof![0i64..30_000, 0i64..200]), 1..20),
    ) {
        let (first, mut server) = family_of_one();
        let mut owner = Honest { held: first.clone(), asked: first, due_ms: 0 };
        for (step, wait_ms) in honest {
            server.wait(wait_ms);
            owner.take(&mut server, &step)?;
        }
        // A last refresh that is heard, so that what is copied is unused.
        server.wait(GRACE_MS);
        let copied = answer(server.present(&owner.held))?;
        let mut held = [copied.clone(), copied];
        let mut missed = false;
        for (thief_first, distance_ms) in rounds {
            server.wait(300_000);
            let one = usize::from(thief_first);
            held[one] = answer(server.present(&held[one]))?;
            server.wait(distance_ms);
            let presented = server.present(&held[1 - one]);
            if missed {
                prop_assert_eq!(presented, Presented::Stolen);
                return Ok(());
            }
            held[1 - one] = answer(presented)?;
            missed = distance_ms >= GRACE_MS;
            prop_assert_eq!(missed, held[0] != held[1]);
        }
    }
}
