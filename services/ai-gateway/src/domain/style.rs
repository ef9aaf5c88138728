//! Drawing a style from a person's profile.

use rand::{Rng, RngExt};
use redis_contracts::{DIMENSIONS, Dimension, Probabilities, Style};

/// A style, and how likely it was to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) style: Style,
    pub(crate) propensity: f64,
}

/// Draws a choice in each dimension. A dimension whose probabilities cannot be used is drawn evenly.
pub(crate) fn draw(probabilities: &Probabilities, rng: &mut impl Rng) -> Drawn {
    let mut drawn = Drawn {
        style: Style::default(),
        propensity: 1.0,
    };
    for dimension in DIMENSIONS {
        let shares = shares(probabilities, *dimension);
        let place = pick(&shares, rng.random());
        drawn.propensity *= shares[place];
        let chosen = drawn.style.choose(dimension.name, dimension.choices[place]);
        debug_assert!(chosen.is_ok(), "a choice of the table");
    }
    drawn
}

/// The place whose share of 0 to 1 holds `at`. Rounding can leave a rest at the end; it belongs to the last
/// place that has a share at all.
fn pick(shares: &[f64], mut at: f64) -> usize {
    let fits = shares.iter().position(|share| {
        at -= share;
        at < 0.0
    });
    let last = shares.iter().rposition(|share| *share > 0.0);
    fits.or(last).unwrap_or_default()
}

/// The shares of a dimension's choices; they add up to 1.
fn shares(probabilities: &Probabilities, dimension: Dimension) -> Vec<f64> {
    let held = probabilities.get(dimension.name);
    let held = dimension
        .choices
        .iter()
        .map(|choice| held?.get(*choice).copied());
    let held: Option<Vec<f64>> = held.collect();
    let usable = |shares: &Vec<f64>| {
        shares
            .iter()
            .all(|share| share.is_finite() && *share >= 0.0)
            && (f64::MIN_POSITIVE..f64::MAX).contains(&shares.iter().sum())
    };
    let shares = held
        .filter(usable)
        .unwrap_or_else(|| vec![1.0; dimension.choices.len()]);
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use redis_contracts::ProfileRecord;

    use super::*;

    fn with(dimension: &str, shares: &[(&str, f64)]) -> Probabilities {
        let mut probabilities = ProfileRecord::prior().style;
        let shares = shares
            .iter()
            .map(|(choice, share)| ((*choice).to_owned(), *share));
        probabilities.insert(dimension.to_owned(), shares.collect());
        probabilities
    }

    #[test]
    fn styles_come_as_often_as_the_profile_says() {
        let mut probabilities = with("tone", &[("direct", 0.9), ("supportive", 0.1)]);
        let form = [("example", 0.2), ("explanation", 0.5), ("steps", 0.3)];
        let form = with("form", &form).remove("form").expect("a dimension");
        probabilities.insert("form".to_owned(), form);
        let mut rng = StdRng::seed_from_u64(1);
        let drawn: Vec<_> = std::iter::repeat_with(|| draw(&probabilities, &mut rng))
            .take(20_000)
            .collect();
        let mut counts = BTreeMap::new();
        for drawn in &drawn {
            let expected: f64 = drawn
                .style
                .iter()
                .map(|(of, is)| probabilities[of][is])
                .product();
            assert!((drawn.propensity - expected).abs() < 1e-12, "{drawn:?}");
            *counts.entry(&drawn.style).or_insert(0.0) += 1.0 / 20_000.0;
        }
        assert_eq!(counts.len(), 12);
        for drawn in &drawn {
            let share = counts[&drawn.style];
            assert!(
                (share - drawn.propensity).abs() < 0.015,
                "{share} of {drawn:?}"
            );
        }
    }

    #[test]
    fn what_has_no_share_is_not_drawn() {
        assert_eq!(pick(&[0.0, 1.0, 0.0], 0.0), 1);
        assert_eq!(
            pick(&[0.0, 1.0 - f64::EPSILON, 0.0], 1.0 - f64::EPSILON / 2.0),
            1
        );
        assert_eq!(pick(&[0.5, 0.5], 0.5), 1);
    }

    #[test]
    fn the_prior_is_even() {
        let mut without = ProfileRecord::prior().style;
        without.remove("tone");
        for probabilities in [
            ProfileRecord::prior().style,
            without,
            Probabilities::default(),
        ] {
            let drawn = draw(&probabilities, &mut StdRng::seed_from_u64(2));
            assert_eq!(drawn.style.iter().count(), DIMENSIONS.len());
            assert!((drawn.propensity - 1.0 / 12.0).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_held_a_whole_style_is_drawn(a in any::<f64>(), b in any::<f64>(), seed in any::<u64>()) {
            let probabilities = with("tone", &[("direct", a), ("supportive", b)]);
            let drawn = draw(&probabilities, &mut StdRng::seed_from_u64(seed));
            prop_assert_eq!(drawn.style.iter().count(), DIMENSIONS.len());
            prop_assert!(drawn.propensity > 0.0 && drawn.propensity <= 1.0, "{}", drawn.propensity);
        }
    }
}
