//! Refreshes at the same time, and in any order.

use std::time::Duration;

use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::{Auth, email_of, refused};

const GRACE_MS: i64 = 10_000;

#[tokio::test]
async fn fifty_refreshes_of_one_token_give_one_successor_and_one_session() {
    let auth = Auth::start().await;
    let reader = auth.person("reader").await;
    let asked = (0..50).map(|_| auth.refresh(&reader.refresh_token));
    let mut given: Vec<_> = join_all(asked)
        .await
        .into_iter()
        .map(|answer| answer.expect("refreshed"))
        .collect();
    assert!(
        given
            .iter()
            .all(|signed| signed.session_id == reader.session_id)
    );
    for signed in &given {
        auth.check(&signed.token).await.expect("live");
    }
    let next = given[0].refresh_token.clone();
    given.dedup_by(|one, other| one.refresh_token == other.refresh_token);
    assert_eq!(given.len(), 1, "one successor");
    auth.refresh(&next).await.expect("the successor is good");
    assert_eq!(auth.number("SELECT COUNT(*) FROM sessions").await, 1);
    let reused = auth.events(&reader.token, "token_reused").await;
    assert!(reused.is_empty(), "nobody is signed out for being quick");
}

#[tokio::test]
async fn a_refresh_and_a_logout_at_once_leave_the_session_ended() {
    let auth = Auth::start().await;
    auth.register("reader").await.expect("an account");
    for _ in 0..5 {
        let reader = auth.sign_in(&email_of("reader")).await;
        // Due to be slid, so that both write the hot copy.
        auth.sql("UPDATE sessions SET last_seen = last_seen - 901000 WHERE ended_at IS NULL")
            .await;
        let refreshes = join_all((0..4).map(|_| auth.refresh(&reader.refresh_token)));
        let (refreshed, ended) = tokio::join!(refreshes, auth.logout(&reader.token));
        ended.expect("signed out");
        for answer in refreshed {
            let token = match answer {
                Ok(signed) => signed.token,
                Err(problem) => {
                    assert_eq!(problem.code.name(), "session_ended");
                    continue;
                }
            };
            assert_eq!(refused(auth.check(&token).await), "session_ended");
        }
        let copy = auth.held(reader.session_id).await.expect("a hot copy");
        assert!(copy.ended_at.is_some());
    }
}

/// Somebody presents one of the tokens they hold, some time after the step before.
#[derive(Clone, Debug)]
struct Step {
    /// Two tabs, and a thief who began with a copy of the first token.
    who: usize,
    /// Which of theirs, counted from the newest.
    back: usize,
    /// Whether the answer reaches them.
    heard: bool,
    wait_ms: i64,
}

fn step() -> impl Strategy<Value = Step> {
    let wait_ms = prop_oneof![3 => Just(0), 1 => Just(4000), 1 => Just(12_000)];
    (0..3usize, 0..3usize, prop::bool::weighted(0.8), wait_ms).prop_map(
        |(who, back, heard, wait_ms)| Step {
            who,
            back,
            heard,
            wait_ms,
        },
    )
}

/// What the contract says of one family.
#[derive(Default)]
struct Family {
    tokens: Vec<Token>,
    now_ms: i64,
}

/// A token that was given out.
struct Token {
    text: String,
    made_ms: i64,
    used: bool,
    /// The tokens given out for it, the latest last.
    successors: Vec<usize>,
    follows: Option<usize>,
}

enum Expected {
    New,
    Again(String),
    Theft,
}

impl Family {
    fn index(&self, text: &str) -> Option<usize> {
        self.tokens.iter().position(|token| token.text == text)
    }

    fn used_successor(&self, at: usize) -> Option<usize> {
        let mut successors = self.tokens[at].successors.iter().copied();
        successors.find(|successor| self.tokens[*successor].used)
    }

    fn expects(&self, at: usize) -> Expected {
        let token = &self.tokens[at];
        let Some(latest) = token.successors.last().copied() else {
            let rival = token.follows.and_then(|parent| self.used_successor(parent));
            return match rival {
                Some(_) => Expected::Theft,
                None => Expected::New,
            };
        };
        let used = self.used_successor(at);
        let told = &self.tokens[used.unwrap_or(latest)];
        match self.now_ms - told.made_ms < GRACE_MS {
            true => Expected::Again(told.text.clone()),
            false if used.is_some() => Expected::Theft,
            false => Expected::New,
        }
    }

    fn give(&mut self, text: String, for_token: Option<usize>) {
        let at = self.tokens.len();
        self.tokens.push(Token {
            text,
            made_ms: self.now_ms,
            used: false,
            successors: Vec::new(),
            follows: for_token,
        });
        if let Some(parent) = for_token {
            self.tokens[parent].used = true;
            self.tokens[parent].successors.push(at);
        }
    }
}

/// Plays it, and compares each answer with the contract.
async fn play(auth: &Auth, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let signed = auth.sign_in(&email_of("reader")).await;
    let first = signed.refresh_token.clone();
    let mut purses = [
        vec![first.clone()],
        vec![first.clone()],
        vec![first.clone()],
    ];
    let mut family = Family::default();
    family.give(first, None);
    for step in steps {
        family.now_ms += step.wait_ms;
        auth.age_used_tokens(signed.session_id, step.wait_ms).await;
        let purse = &mut purses[step.who];
        let token = purse[purse.len().saturating_sub(1 + step.back)].clone();
        let at = family.index(&token).expect("it was given out");
        let answer = auth.refresh(&token).await;
        let successor = match (family.expects(at), answer) {
            (Expected::New, Ok(given)) => {
                prop_assert_eq!(family.index(&given.refresh_token), None);
                family.give(given.refresh_token.clone(), Some(at));
                given.refresh_token
            }
            (Expected::Again(successor), Ok(given)) => {
                prop_assert_eq!(&given.refresh_token, &successor);
                successor
            }
            (Expected::Theft, Err(refusal)) => {
                prop_assert_eq!(refusal.code.name(), "token_reused");
                let newest = &family.tokens.last().expect("a token").text;
                prop_assert_eq!(refused(auth.refresh(newest).await), "session_ended");
                return Ok(());
            }
            (_, answer) => return Err(TestCaseError::fail(format!("{step:?}: {answer:?}"))),
        };
        if step.heard && !purse.contains(&successor) {
            purse.push(successor);
        }
    }
    Ok(())
}

#[test]
fn two_tabs_and_a_thief_are_answered_as_the_contract_says_in_any_order() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let auth = runtime.block_on(async {
        let auth = Auth::start().await;
        auth.register("reader").await.expect("an account");
        auth
    });
    let config = Config {
        cases: 16,
        max_shrink_iters: 32,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let played = runner.run(&prop::collection::vec(step(), 1..14), |steps| {
        runtime.block_on(play(&auth, steps))
    });
    played.expect("as the contract says");
    drop(auth);
    runtime.shutdown_timeout(Duration::from_secs(1));
}
