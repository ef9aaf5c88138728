use redis_access::{CachePool, RedisSettings};
use service_kit::{
    Code,
    config::{Limits, Lockout},
};

use super::*;

/// Limits whose leases are answered by hand.
fn limits(api_per_minute: u64) -> (ApiLimits, mpsc::Receiver<Ask>) {
    let settings = RedisSettings::new("redis://127.0.0.1:1");
    let cache = CachePool::new(&settings).expect("a Redis URL");
    let limits = Limits {
        auth_per_minute: 5,
        api_per_minute,
        sockets_per_person: 50,
        connections_per_address: 256,
        stream_bytes_per_day: 0,
        import_bytes_per_day: 0,
    };
    let lockout = Lockout {
        failures: 5,
        seconds: 900,
    };
    let (leases, asked) = mpsc::channel(16);
    let limiter = Limiter::new(cache, limits, lockout);
    (ApiLimits::new(limiter, leases).expect("limits"), asked)
}

fn somebody() -> Subject {
    Subject::Person(Uuid::now_v7())
}

async fn admitted(limits: &ApiLimits, person: Subject, times: usize) -> usize {
    let mut count = 0;
    for _ in 0..times {
        count += usize::from(limits.admit(person).await.is_ok());
    }
    count
}

#[tokio::test]
async fn one_lease_is_given_on_credit_and_paid_back() {
    let (limits, mut asked) = limits(200);
    let person = somebody();
    assert_eq!(admitted(&limits, person, 10).await, 10);
    let ask = asked.try_recv().expect("a lease is asked for");
    assert!(asked.try_recv().is_err(), "one at a time");
    // Ten are in hand when ten are paid back.
    assert_eq!(ask.permits.wanted(), 20);
    ask.permits.grant(20, 180);
    assert_eq!(limits.admit(person).await.expect("one").0, 189);
    assert_eq!(admitted(&limits, person, 4).await, 4);
    let next = asked.try_recv().expect("few are left");
    assert_eq!(next.permits.wanted(), 5);
}

#[tokio::test]
async fn nobody_waits_for_a_lease_that_does_not_come() {
    let (limits, asked) = limits(200);
    let person = somebody();
    assert_eq!(admitted(&limits, person, 12).await, 12);
    drop(asked);
    assert!(limits.admit(person).await.is_ok());
}

#[tokio::test]
async fn who_waits_goes_on_when_the_lease_is_there() {
    let (limits, mut asked) = limits(200);
    let person = somebody();
    assert_eq!(admitted(&limits, person, 10).await, 10);
    let ask = asked.recv().await.expect("a lease is asked for");
    let (left, ()) = tokio::join!(limits.admit(person), async {
        ask.permits.grant(20, 180);
    });
    assert_eq!(left.expect("admitted").0, 189);
}

#[tokio::test]
async fn what_is_in_hand_counts_before_a_refusal() {
    let (limits, mut asked) = limits(200);
    let person = somebody();
    limits.admit(person).await.expect("on credit");
    let ask = asked.recv().await.expect("a lease is asked for");
    ask.permits.grant(5, 0);
    ask.permits.refuse(Duration::from_secs(3));
    assert_eq!(admitted(&limits, person, 10).await, 4);
    let problem = limits.admit(person).await.expect_err("refused");
    assert_eq!(problem.code, Code::RateLimited);
    assert_eq!(problem.retry_after, Some(Duration::from_secs(3)));
    let told = problem.limits.expect("limits");
    assert_eq!(told.policy, "\"api\";q=200;w=60");
    assert_eq!(told.limit, "\"api\";r=0;t=3");
    assert!(asked.try_recv().is_err(), "nothing is asked for meanwhile");
    assert_eq!(admitted(&limits, somebody(), 1).await, 1);
}

#[tokio::test]
async fn machine_tokens_take_nothing_from_their_person() {
    let (limits, _asked) = limits(20);
    let id = Uuid::now_v7();
    let (machines, person) = (Subject::Machines(id), Subject::Person(id));
    assert_eq!(machines.to_string(), format!("m-{person}"));
    for subject in [machines, person] {
        assert!(matches!(limits.admit_at_once(subject), Some(Ok(_))));
        assert!(limits.admit_at_once(subject).is_none(), "one on credit");
    }
}

#[tokio::test]
async fn without_redis_the_whole_rate_is_given_here() {
    let (limits, mut asked) = limits(200);
    let person = somebody();
    let background = async {
        while let Some(ask) = asked.recv().await {
            limits.lease(&ask).await;
        }
    };
    let all = admitted(&limits, person, 400);
    let admitted = tokio::select! {
        admitted = all => admitted,
        () = background => 0,
    };
    // A little comes back while the test runs.
    assert!((200..260).contains(&admitted), "{admitted}");
}

#[test]
fn the_head_says_what_is_left_and_when_all_is_there_again() {
    let (limits, _asked) = limits(600);
    assert_eq!(limits.policy_value(), "\"api\";q=600;w=60");
    for (left, value) in [
        (600, "\"api\";r=600;t=0"),
        (599, "\"api\";r=599;t=1"),
        (300, "\"api\";r=300;t=30"),
        (0, "\"api\";r=0;t=60"),
    ] {
        assert_eq!(
            limits
                .limit_value(RemainingRequests(left))
                .expect("a value"),
            value
        );
    }
}
