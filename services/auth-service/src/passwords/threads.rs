//! Threads of lower priority behind bounded lines.

use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use prometheus::{Histogram, register_histogram};
use service_kit::{Code, Problem, metrics::REQUEST_SECONDS};
use tokio::{sync::oneshot, time::timeout};

use super::{
    argon::Memory,
    waiting::{Job, Line, Waiting},
};

/// Longest wait for a thread and its answer; less than the deadline of a call.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Added to the niceness of the process's other threads: whoever refreshes a token does not wait for
/// those who sign in.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

static WAITED: LazyLock<Histogram> = LazyLock::new(|| {
    register_histogram!(
        "devmentor_password_queue_seconds",
        "Time a password waited for a thread.",
        REQUEST_SECONDS.to_vec()
    )
    .expect("a metric is registered once")
});

/// Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub(super) struct Threads {
    open: Arc<Open>,
}

/// While it is there, the threads wait for more.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.came.notify_all();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    is_closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, when one waits.
    fn next(&self) -> Option<Job> {
        self.lock().waiting.next()
    }

    /// The next job, once one waits; none when all is done and nobody can come any more.
    fn wait_for_next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            let job = state.waiting.next();
            if job.is_some() || state.is_closed {
                return job;
            }
            let woken = self.came.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Threads {
    /// One thread fewer than cores, at least one.
    pub(super) fn start() -> anyhow::Result<Self> {
        LazyLock::force(&WAITED);
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::of(cores.saturating_sub(1).max(1))
    }

    fn of(count: usize) -> anyhow::Result<Self> {
        let shared = Arc::<Shared>::default();
        let open = Arc::new(Open(Arc::clone(&shared)));
        for number in 0..count {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&shared))?;
        }
        Ok(Self { open })
    }

    /// Runs this on a thread. When there is no place, or its turn does not come in time, it is not run and
    /// the caller has to come back; when the caller went away before its turn, it is not run either.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        line: Line,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let asked = Instant::now();
        self.join(
            line,
            Box::new(move |memory| {
                if answer.is_closed() {
                    return;
                }
                let done = memory.map(|memory| {
                    WAITED.observe(asked.elapsed().as_secs_f64());
                    job(memory)
                });
                // It fails when the caller went away meanwhile; then nobody needs it.
                let _ = answer.send(done);
            }),
        );
        timeout(ANSWER_WITHIN, answered)
            .await
            .map_err(|_| crowded())?
            .map_err(|_| Problem::internal("a job of a password thread panicked"))?
            .ok_or_else(crowded)
    }

    fn join(&self, line: Line, job: Job) {
        let Open(shared) = &*self.open;
        let turned_away = shared.lock().waiting.join(line, job);
        shared.came.notify_one();
        if let Some(job) = turned_away {
            job(None);
        }
    }
}

fn crowded() -> Problem {
    Problem::new(
        Code::Unavailable,
        "Too many people sign in at this moment; try again shortly.",
    )
}

/// Until the last [`Threads`] is gone.
fn work(shared: &Shared) {
    lower_priority();
    let mut memory = Memory::default();
    loop {
        // Memory is kept from job to job while one waits for the next, which saves the system from
        // clearing it each time, and given back as soon as none does.
        let job = match shared.next() {
            Some(job) => job,
            None => {
                memory.give_back();
                let Some(job) = shared.wait_for_next() else {
                    return;
                };
                job
            }
        };
        // A panic is one failed answer, not one thread fewer.
        if catch_unwind(AssertUnwindSafe(|| job(Some(&mut memory)))).is_err() {
            memory.give_back();
        }
    }
}

/// Linux has a niceness for each thread; elsewhere it is the whole process's, and stays as it is.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lowered = getpriority_process(None)
            .and_then(|niceness| setpriority_process(None, niceness + NICENESS));
        if let Err(error) = lowered {
            tracing::warn!(%error, "password threads run at normal priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Weak,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    };

    use test_kit::{PATIENCE, eventually};

    use super::*;

    fn anywhere() -> Line {
        Line {
            is_known: false,
            network: "192.0.2.0/24".to_owned(),
        }
    }

    /// One thread, held up until the sender is dropped.
    fn held_up() -> (Threads, SyncSender<()>, Arc<AtomicUsize>) {
        let threads = Threads::of(1).expect("a thread");
        let (release, released) = sync_channel::<()>(0);
        let began = Arc::new(AtomicUsize::new(0));
        let begins = Arc::clone(&began);
        let block: Job = Box::new(move |_| {
            begins.fetch_add(1, Ordering::SeqCst);
            // It ends when the other end is dropped.
            let _ = released.recv();
        });
        threads.join(anywhere(), block);
        (threads, release, began)
    }

    async fn until(count: &AtomicUsize, wanted: usize) {
        eventually("so many have run", PATIENCE, async || {
            match count.load(Ordering::SeqCst) {
                count if count == wanted => Ok(()),
                count => Err(count),
            }
        })
        .await;
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_who_is_refused_is_told_when_to_come_back() {
        let (threads, release, began) = held_up();
        until(&began, 1).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let refused = Arc::new(AtomicUsize::new(0));
        for _ in 0..1000 {
            let (ran, refused) = (Arc::clone(&ran), Arc::clone(&refused));
            let count: Job = Box::new(move |memory| {
                let count = if memory.is_some() { &ran } else { &refused };
                count.fetch_add(1, Ordering::SeqCst);
            });
            threads.join(anywhere(), count);
        }
        let waiting = 1000 - refused.load(Ordering::SeqCst);
        assert!(waiting < 100, "{waiting}");
        let refused = threads.run(anywhere(), |_| ()).await.expect_err("full");
        assert_eq!(refused.code.http_status(), 503);
        assert!(refused.retry_after.is_some());
        drop(release);
        until(&ran, waiting).await;
        assert_eq!(threads.run(anywhere(), |_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn who_hangs_up_while_waiting_costs_nothing() {
        let (threads, release, began) = held_up();
        until(&began, 1).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let run = || {
            let ran = Arc::clone(&ran);
            threads.run(anywhere(), move |_| ran.fetch_add(1, Ordering::SeqCst))
        };
        // Asked once, then dropped.
        let hung_up = timeout(Duration::ZERO, run()).await;
        assert!(hung_up.is_err());
        drop(release);
        assert_eq!(run().await, Ok(0), "it is the first that ran");
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_when_to_come_back_and_costs_nothing() {
        let (threads, release, began) = held_up();
        until(&began, 1).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let run = || {
            let ran = Arc::clone(&ran);
            threads.run(anywhere(), move |_| ran.fetch_add(1, Ordering::SeqCst))
        };
        let late = run().await.expect_err("its turn does not come");
        assert_eq!(late.code.http_status(), 503);
        assert!(late.retry_after.is_some());
        drop(release);
        assert_eq!(run().await, Ok(0), "it is the first that ran");
    }

    #[tokio::test]
    async fn a_panic_is_one_failed_answer_and_not_one_thread_fewer() {
        let threads = Threads::of(1).expect("a thread");
        let failed = threads
            .run(anywhere(), |_| assert_eq!(1, 2, "on purpose"))
            .await;
        assert_eq!(failed.expect_err("failed").code, Code::Internal);
        assert_eq!(threads.run(anywhere(), |_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn threads_end_with_the_last_clone() {
        let threads = Threads::of(2).expect("threads");
        let alive = Arc::new(());
        let here: Weak<()> = Arc::downgrade(&alive);
        let clone = threads.clone();
        drop(threads);
        // What is still waiting is done before they end.
        let last: Job = Box::new(move |_| drop(alive));
        clone.join(anywhere(), last);
        drop(clone);
        eventually("the last job is done", PATIENCE, async || {
            here.upgrade().map_or(Ok(()), |_| Err("it waits"))
        })
        .await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_are_nicer_than_others() {
        use rustix::process::getpriority_process;
        let threads = Threads::of(1).expect("a thread");
        let niceness = threads.run(anywhere(), |_| getpriority_process(None)).await;
        let niceness = niceness.expect("it ran").expect("a niceness");
        let ours = getpriority_process(None).expect("a niceness");
        assert_eq!(niceness, (ours + NICENESS).min(19));
    }
}
