//! What auth-service said, remembered for a moment: asked once for all who ask at the same time.

use std::{
    future::Future,
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use redis_contracts::keys::SessionRecord;
use service_kit::Problem;

/// How long auth-service's word is good while the cache cannot hold it.
pub(super) const WORD_GOOD_FOR: Duration = Duration::from_secs(1);

/// How long it is taken as given that auth-service has no word, so that those who wait for a frozen
/// one wait together and not one after the other.
const SILENCE_GOOD_FOR: Duration = Duration::from_millis(200);

/// Words that are remembered.
const REMEMBERED: usize = 20_000;

/// What was said of a session.
pub(super) type Said = Result<Arc<SessionRecord>, Problem>;

/// Words by what was asked about.
pub(super) struct Words<K> {
    words: Cache<K, Word>,
    refusal_good_for: Duration,
}

#[derive(Clone)]
struct Word {
    said: Said,
    at: Instant,
}

impl Word {
    fn new(said: Said) -> Self {
        Self {
            said,
            at: Instant::now(),
        }
    }

    fn is_refusal(&self) -> bool {
        let refusal = self.said.as_ref().err();
        refusal.is_some_and(|problem| problem.code.http_status() == 401)
    }
}

impl<K: Clone + Eq + Hash> Words<K> {
    /// No words yet; a refusal is good for so long.
    pub(super) fn new(refusal_good_for: Duration) -> Self {
        Self {
            words: Cache::new(REMEMBERED),
            refusal_good_for,
        }
    }

    /// What was just said, else the answer of `ask`. A live session is in the cache again unless that is
    /// away, and then counts for a moment; a refusal is nowhere else.
    pub(super) async fn said_or(
        &self,
        about: K,
        cache_away: bool,
        ask: impl Future<Output = Said>,
    ) -> Said {
        if let Some(word) = self.words.get(&about) {
            if self.is_good(&word, cache_away) {
                return word.said;
            }
            self.words.remove(&about);
        }
        match self.words.get_value_or_guard_async(&about).await {
            Ok(word) => word.said,
            Err(turn) => {
                let word = Word::new(ask.await);
                // The place may be gone when the memory is full; the word still counts.
                let _ = turn.insert(word.clone());
                word.said
            }
        }
    }

    /// Remembers a refusal.
    pub(super) fn refuse(&self, about: K, problem: Problem) {
        self.words.insert(about, Word::new(Err(problem)));
    }

    /// Forgets what was said.
    pub(super) fn forget(&self, about: &K) {
        self.words.remove(about);
    }

    /// Whether there is a refusal that is still good.
    pub(super) fn refuses(&self, about: &K) -> bool {
        let word = self.words.get(about);
        word.is_some_and(|word| word.is_refusal() && self.is_good(&word, true))
    }

    fn is_good(&self, word: &Word, cache_away: bool) -> bool {
        let good_for = match &word.said {
            Ok(_) if !cache_away => Duration::ZERO,
            Ok(_) => WORD_GOOD_FOR,
            Err(_) if word.is_refusal() => self.refusal_good_for,
            Err(_) => SILENCE_GOOD_FOR,
        };
        word.at.elapsed() < good_for
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use service_kit::Code;

    async fn ask(words: &Words<u8>, about: u8, asked: &AtomicUsize, code: Code) -> Code {
        let answer = async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Err(Problem::new(code, "no"))
        };
        let said = words.said_or(about, false, answer).await;
        said.expect_err("refused").code
    }

    #[tokio::test]
    async fn those_who_ask_at_once_ask_once() {
        let (words, asked) = (Words::new(WORD_GOOD_FOR), AtomicUsize::new(0));
        let all = (0..50).map(|_| ask(&words, 1, &asked, Code::SessionEnded));
        for code in futures_util::future::join_all(all).await {
            assert_eq!(code, Code::SessionEnded);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(words.refuses(&1) && !words.refuses(&2));
        ask(&words, 2, &asked, Code::Unavailable).await;
        assert!(!words.refuses(&2), "silence is no refusal");
        words.forget(&1);
        assert!(!words.refuses(&1));
    }

    #[tokio::test]
    async fn a_word_ends() {
        let (words, asked) = (Words::new(Duration::from_millis(1)), AtomicUsize::new(0));
        ask(&words, 1, &asked, Code::SessionEnded).await;
        while words.refuses(&1) {
            tokio::task::yield_now().await;
        }
        ask(&words, 1, &asked, Code::SessionEnded).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
