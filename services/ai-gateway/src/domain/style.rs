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
        let mut left: f64 = rng.random();
        let fits = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        // Rounding can leave a rest after the last choice; it is that one's.
        let place = fits.unwrap_or(shares.len() - 1);
        drawn.propensity *= shares[place];
        let chosen = drawn.style.choose(dimension.name, dimension.choices[place]);
        debug_assert!(chosen.is_ok(), "a choice of the table");
    }
    drawn
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
            && shares.iter().sum::<f64>() > 0.0
    };
    let shares = held
        .filter(usable)
        .unwrap_or_else(|| vec![1.0; dimension.choices.len()]);
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

#[cfg(test)]
mod tests {
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
        let probabilities = with("tone", &[("direct", 0.9), ("supportive", 0.1)]);
        let mut rng = StdRng::seed_from_u64(1);
        let drawn = std::iter::repeat_with(|| draw(&probabilities, &mut rng)).take(4000);
        let direct = drawn
            .filter(|drawn| drawn.style.get("tone") == Some("direct"))
            .count();
        assert!((3500..3700).contains(&direct), "{direct}");
    }

    #[test]
    fn the_prior_is_even() {
        let drawn = draw(&ProfileRecord::prior().style, &mut StdRng::seed_from_u64(2));
        assert_eq!(drawn.style.iter().count(), DIMENSIONS.len());
        assert!((drawn.propensity - 1.0 / 12.0).abs() < 1e-12);
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
