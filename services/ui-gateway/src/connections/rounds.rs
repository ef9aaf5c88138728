//! Whose request a worker begins next. Of each owner it begins a few in a round, in which everything else that
//! is ready is worked at once: who asks on a thousand connections makes others wait for a few requests, not
//! for a thousand.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    task::{Context, Poll, Waker},
};

use actix_web::rt::spawn;
use tokio::task::yield_now;

/// Requests of one owner that are begun in a round. Fewer would make rounds dear for one who is alone.
const OF_EACH: usize = 8;

thread_local! {
    static ROUNDS: RefCell<Rounds> = RefCell::default();
}

/// A place in an owner's line.
pub(super) struct Ticket(u64);

#[derive(Default)]
struct Rounds {
    lines: HashMap<u64, Line>,
    tickets: u64,
    /// A round is on its way.
    is_open: bool,
}

/// The requests of one owner.
#[derive(Default)]
struct Line {
    /// In this round.
    begun: usize,
    /// By their tickets, which grow.
    waiting: VecDeque<(u64, Waker)>,
}

/// Ready when a request of this owner may be begun. Until then the place is in `ticket`.
pub(super) fn poll_begin(
    owner: u64,
    ticket: &mut Option<Ticket>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    ROUNDS.with_borrow_mut(|rounds| {
        let may_begin = match ticket {
            Some(Ticket(number)) => !rounds.still_waits(owner, *number, cx),
            None => rounds.has_begun(owner),
        };
        if may_begin {
            *ticket = None;
            return Poll::Ready(());
        }
        if ticket.is_none() {
            *ticket = Some(rounds.wait(owner, cx));
        }
        Poll::Pending
    })
}

impl Rounds {
    /// Begins one, where nobody of this owner was there before.
    fn has_begun(&mut self, owner: u64) -> bool {
        let line = self.lines.entry(owner).or_default();
        if line.begun == OF_EACH || !line.waiting.is_empty() {
            return false;
        }
        line.begun += 1;
        if !self.is_open {
            self.is_open = true;
            spawn(go_round());
        }
        true
    }

    fn wait(&mut self, owner: u64, cx: &Context<'_>) -> Ticket {
        self.tickets += 1;
        let line = self.lines.entry(owner).or_default();
        line.waiting.push_back((self.tickets, cx.waker().clone()));
        Ticket(self.tickets)
    }

    /// Whoever is in no line any more has been called.
    fn still_waits(&mut self, owner: u64, ticket: u64, cx: &Context<'_>) -> bool {
        let Some(line) = self.lines.get_mut(&owner) else {
            return false;
        };
        let at = line
            .waiting
            .binary_search_by_key(&ticket, |(number, _)| *number);
        let Some((_, waker)) = at.ok().and_then(|at| line.waiting.get_mut(at)) else {
            return false;
        };
        waker.clone_from(cx.waker());
        true
    }

    /// Calls those who begin in the next round; false when nobody has begun or waited in this one.
    fn next(&mut self) -> bool {
        self.lines.retain(|_, line| {
            line.begun = line.waiting.len().min(OF_EACH);
            for (_, waker) in line.waiting.drain(..line.begun) {
                waker.wake();
            }
            line.begun > 0
        });
        self.is_open = !self.lines.is_empty();
        self.is_open
    }
}

/// Goes round as long as anybody waits. What is ready when a round begins is worked at before the next.
async fn go_round() {
    loop {
        yield_now().await;
        if !ROUNDS.with_borrow_mut(Rounds::next) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, pin::pin, rc::Rc};

    use futures_util::{future::join_all, task::noop_waker};

    use super::*;

    const MANY: u64 = 1;
    const ONE: u64 = 2;

    async fn begin(owner: u64) {
        let mut ticket = None;
        poll_fn(|cx| poll_begin(owner, &mut ticket, cx)).await;
    }

    #[actix_web::test]
    async fn one_waits_for_a_few_of_many() {
        let begun = Rc::new(Cell::new(0));
        for _ in 0..100 {
            let begun = Rc::clone(&begun);
            spawn(async move {
                for _ in 0..20 {
                    begin(MANY).await;
                    begun.set(begun.get() + 1);
                }
            });
        }
        yield_now().await;
        for _ in 0..100 {
            let before = begun.get();
            begin(ONE).await;
            yield_now().await;
            let meanwhile = begun.get() - before;
            assert!(meanwhile <= 2 * OF_EACH, "{meanwhile}");
        }
        assert!(begun.get() > 0, "the many were not there");
    }

    #[actix_web::test]
    async fn all_are_begun_in_their_order() {
        let order = RefCell::new(Vec::new());
        join_all((0..100).map(|number| {
            let order = &order;
            async move {
                begin(MANY).await;
                order.borrow_mut().push(number);
            }
        }))
        .await;
        let order = order.into_inner();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        yield_now().await;
        ROUNDS.with_borrow(|rounds| assert!(rounds.lines.is_empty() && !rounds.is_open));
    }

    #[actix_web::test]
    async fn who_goes_away_holds_nobody_up() {
        join_all((0..OF_EACH).map(|_| begin(MANY))).await;
        let next = {
            let mut gone: Vec<_> = (0..3 * OF_EACH).map(|_| Box::pin(begin(MANY))).collect();
            for waiting in &mut gone {
                assert!(futures_util::poll!(waiting).is_pending());
            }
            spawn(begin(MANY))
        };
        next.await.expect("it has begun");
    }

    #[actix_web::test]
    async fn who_asks_again_keeps_the_place_and_is_called_where_they_asked_last() {
        join_all((0..OF_EACH).map(|_| begin(MANY))).await;
        let mut waiting = pin!(begin(MANY));
        let nobody = noop_waker();
        for _ in 0..3 {
            let asked = waiting.as_mut().poll(&mut Context::from_waker(&nobody));
            assert!(asked.is_pending());
        }
        ROUNDS.with_borrow(|rounds| assert_eq!(rounds.lines[&MANY].waiting.len(), 1));
        waiting.await;
    }
}
