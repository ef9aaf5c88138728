//! What ratings teach, as decision 8 has it. A rating of 1 to 5 is a reward of 0 to 1 for each choice of the reply.
//! A choice is worth the mean of its rewards, drawn towards the middle while it was rated seldom; the more it is
//! worth, the likelier it is (softmax), and a share is given out evenly, so that no choice dies and a taste that
//! changes is noticed.
//!
//! The script `learn` computes it where the counts are, in the commit of its effect; the test below holds it to the
//! same rule in Rust.

use redis_contracts::script::LearningPolicy;

/// The numbers of the rule.
pub(crate) const POLICY: LearningPolicy = LearningPolicy {
    middle: 0.5,
    // As if it had got four middling ratings.
    middle_weight: 4.0,
    // Of two choices whose worths are 0.1 apart, the better one is 2.7 times as likely.
    temperature: 0.1,
    explore: 0.1,
};

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::{Strategy, prop_assert},
        test_runner::{Config, TestCaseError, TestRunner},
    };
    use redis::{AsyncCommands, aio::MultiplexedConnection};
    use redis_contracts::{
        Consumed, DIMENSIONS, FEEDBACK, LEARNING_GROUP, PROFILE, Position, Probabilities,
        script::{Learner, learn},
    };
    use test_kit::RedisServer;
    use uuid::Uuid;

    use super::*;

    /// How often a choice was rated, and the sum of these ratings.
    type Counts = (u64, u64);

    /// The probabilities of the choices of a dimension.
    fn probabilities(policy: &LearningPolicy, counts: &[Counts]) -> Vec<f64> {
        let weight = |(count, sum): &Counts| {
            let (count, sum) = (*count as f64, *sum as f64);
            let rewards = (sum - count) / 4.0;
            let worth =
                (rewards + policy.middle * policy.middle_weight) / (count + policy.middle_weight);
            (worth.clamp(0.0, 1.0) / policy.temperature).exp()
        };
        let weights: Vec<_> = counts.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let even = policy.explore / counts.len() as f64;
        let share = |weight| (1.0 - policy.explore) * weight / total + even;
        weights.into_iter().map(share).collect()
    }

    #[test]
    fn what_nobody_rated_is_even_and_what_is_liked_is_likelier_and_never_all() {
        assert_eq!(probabilities(&POLICY, &[(0, 0), (0, 0)]), [0.5, 0.5]);
        let mut before = 0.5;
        for ratings in 1..50 {
            let liked = probabilities(&POLICY, &[(ratings, 5 * ratings), (ratings, ratings)]);
            assert!(
                liked[0] > before && liked[1] > POLICY.explore / 2.0,
                "{liked:?}"
            );
            before = liked[0];
        }
    }

    /// Counts of every choice, as ratings of 1 to 5 give them.
    fn counts() -> impl Strategy<Value = Vec<Counts>> {
        let choices = DIMENSIONS.iter().map(|of| of.choices.len()).sum::<usize>();
        let count = (0..2000_u64, 1.0..=5.0_f64);
        let count = count.prop_map(|(count, mean)| (count, (count as f64 * mean) as u64));
        vec(count, choices)
    }

    /// A profile with these counts, after one more rating that names no choice.
    async fn learned(redis: &mut MultiplexedConnection, counts: &[Counts]) -> Probabilities {
        let of = Consumed {
            stream: &FEEDBACK,
            group: LEARNING_GROUP,
        };
        let stream = FEEDBACK.key(());
        let user_id = Uuid::now_v7();
        let profile = PROFILE.key(user_id);
        let names = DIMENSIONS.iter().flat_map(|of| {
            let choices = of.choices.iter();
            choices.map(move |choice| format!("{}.{choice}", of.name))
        });
        let mut pipe = redis::pipe();
        for (name, (count, sum)) in names.zip(counts) {
            pipe.hset(profile.name(), format!("n.{name}"), *count)
                .ignore()
                .hset(profile.name(), format!("s.{name}"), *sum)
                .ignore();
        }
        pipe.xadd(stream.name(), "*", &[("event", "{}")]);
        let (position,): (String,) = pipe.query_async(redis).await.expect("an entry");
        let _: redis::Value = redis::cmd("XREADGROUP")
            .arg(&[
                "GROUP",
                LEARNING_GROUP,
                "one",
                "STREAMS",
                stream.name(),
                ">",
            ])
            .query_async(redis)
            .await
            .expect("a delivery");
        let lesson = [("feedback_count", 1), ("rating_sum", 3)];
        let entry = Learner {
            position: position.parse::<Position>().expect("an ID"),
            event_id: Uuid::now_v7(),
            user_id,
            lesson: lesson.map(|(field, by)| (field.to_owned(), by)).into(),
        };
        let call = learn(of, &POLICY, &[entry]);
        let mut command = redis::cmd("EVAL");
        command.arg(call.script.source).arg(call.keys.len());
        command.arg(&call.keys).arg(&call.args);
        let outcomes: Vec<String> = command.query_async(redis).await.expect("outcomes");
        assert_eq!(outcomes, ["applied"]);
        let style: String = redis.hget(profile.name(), "style").await.expect("a style");
        serde_json::from_str(&style).expect("JSON")
    }

    fn check(held: &Probabilities, counts: &[Counts]) -> Result<(), TestCaseError> {
        let mut counts = counts;
        for of in DIMENSIONS {
            let (its, rest) = counts.split_at(of.choices.len());
            counts = rest;
            for (choice, expected) in of.choices.iter().zip(probabilities(&POLICY, its)) {
                // The script writes six digits.
                let off = (held[of.name][*choice] - expected).abs();
                prop_assert!(
                    off < 6e-7,
                    "{} {choice}: {off} of {expected}, {its:?}",
                    of.name
                );
            }
        }
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_script_and_this_rule_agree() {
        let server = RedisServer::streams().await;
        let redis = server.connect().await;
        let _: String = redis::cmd("XGROUP")
            .arg(&[
                "CREATE",
                FEEDBACK.key(()).name(),
                LEARNING_GROUP,
                "0",
                "MKSTREAM",
            ])
            .query_async(&mut redis.clone())
            .await
            .expect("a group");
        let runtime = tokio::runtime::Handle::current();
        let mut runner = TestRunner::new(Config::with_cases(100));
        let agreed = runner.run(&counts(), |counts| {
            let mut redis = redis.clone();
            let learning = learned(&mut redis, &counts);
            let held = tokio::task::block_in_place(|| runtime.block_on(learning));
            check(&held, &counts)
        });
        agreed.expect("the same probabilities");
    }
}
