//! What auth-service answered, remembered for a moment: asked once for all who ask at the same time.

use std::{
    future::Future,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use redis_contracts::keys::SessionRecord;
use service_kit::Problem;

/// How long auth-service's answer is good while the cache cannot hold it.
pub(super) const ANSWER_GOOD_FOR: Duration = Duration::from_secs(1);

/// How long it is taken as given that auth-service has no answer, so that those who wait for a frozen
/// one wait together and not one after the other.
const SILENCE_GOOD_FOR: Duration = Duration::from_millis(200);

/// Answers that are remembered.
const REMEMBERED: usize = 20_000;

/// The answer about a session.
pub(super) type SessionAnswer = Result<Arc<SessionRecord>, Problem>;

/// Answers by what was asked about.
pub(super) struct AnswerCache<K> {
    answers: Cache<K, CachedAnswer>,
    refusal_good_for: Duration,
}

#[derive(Clone)]
struct CachedAnswer {
    answer: SessionAnswer,
    at: Instant,
}

impl CachedAnswer {
    fn new(answer: SessionAnswer) -> Self {
        Self {
            answer,
            at: Instant::now(),
        }
    }

    fn is_refusal(&self) -> bool {
        let refusal = self.answer.as_ref().err();
        refusal.is_some_and(|problem| problem.code.http_status() == 401)
    }
}

impl<K: Clone + Eq + Hash> AnswerCache<K> {
    /// Without answers; a refusal is good for `refusal_good_for`.
    pub(super) fn new(refusal_good_for: Duration) -> Self {
        Self {
            answers: Cache::new(REMEMBERED),
            refusal_good_for,
        }
    }

    /// What was just answered, else the answer of `ask`. A live session is in the cache again unless that is
    /// away, and then counts for a moment; a refusal is nowhere else.
    pub(super) async fn answer_or(
        &self,
        about: K,
        cache_away: bool,
        ask: impl Future<Output = SessionAnswer>,
    ) -> SessionAnswer {
        if let Some(answer) = self.answers.get(&about) {
            if self.is_good(&answer, cache_away) {
                return answer.answer;
            }
            self.answers.remove(&about);
        }
        match self.answers.get_value_or_guard_async(&about).await {
            Ok(answer) => answer.answer,
            Err(turn) => {
                let answer = CachedAnswer::new(ask.await);
                // The place may be gone when the memory is full; the answer still counts.
                let _ = turn.insert(answer.clone());
                answer.answer
            }
        }
    }

    /// Remembers a refusal.
    pub(super) fn refuse(&self, about: K, problem: Problem) {
        self.answers.insert(about, CachedAnswer::new(Err(problem)));
    }

    /// Forgets what was answer.
    pub(super) fn forget(&self, about: &K) {
        self.answers.remove(about);
    }

    /// Whether there is a refusal that is still good.
    pub(super) fn refuses(&self, about: &K) -> bool {
        let answer = self.answers.get(about);
        answer.is_some_and(|answer| answer.is_refusal() && self.is_good(&answer, true))
    }

    fn is_good(&self, answer: &CachedAnswer, cache_away: bool) -> bool {
        let good_for = match &answer.answer {
            Ok(_) if !cache_away => Duration::ZERO,
            Ok(_) => ANSWER_GOOD_FOR,
            Err(_) if answer.is_refusal() => self.refusal_good_for,
            Err(_) => SILENCE_GOOD_FOR,
        };
        answer.at.elapsed() < good_for
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use service_kit::Code;

    async fn ask(answers: &AnswerCache<u8>, about: u8, asked: &AtomicUsize, code: Code) -> Code {
        let given = async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err(Problem::new(code, "no"))
        };
        let answer = answers.answer_or(about, false, given).await;
        answer.expect_err("refused").code
    }

    #[tokio::test]
    async fn those_who_ask_at_once_ask_once() {
        let (answers, asked) = (AnswerCache::new(ANSWER_GOOD_FOR), AtomicUsize::new(0));
        let all = (0..50).map(|_| ask(&answers, 1, &asked, Code::SessionEnded));
        for code in futures_util::future::join_all(all).await {
            assert_eq!(code, Code::SessionEnded);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(answers.refuses(&1) && !answers.refuses(&2));
        ask(&answers, 2, &asked, Code::Unavailable).await;
        assert!(!answers.refuses(&2), "silence is no refusal");
        answers.forget(&1);
        assert!(!answers.refuses(&1));
    }

    #[tokio::test]
    async fn an_answer_ends() {
        let (answers, asked) = (
            AnswerCache::new(Duration::from_millis(1)),
            AtomicUsize::new(0),
        );
        ask(&answers, 1, &asked, Code::SessionEnded).await;
        while answers.refuses(&1) {
            tokio::task::yield_now().await;
        }
        ask(&answers, 1, &asked, Code::SessionEnded).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
