//! The rounds of something that is done again and again.

use crate::{
    load::Sample,
    report::{Figure, Unit},
};

/// What each round showed.
#[derive(Default)]
pub struct Rounds {
    rates: Vec<f64>,
    p50s: Vec<f64>,
    p99s: Vec<f64>,
}

/// Their medians.
pub struct Figures {
    /// Done a second.
    pub rate: Figure,
    /// How long half of them took at most.
    pub p50: Figure,
    /// How long nearly all of them took at most.
    pub p99: Figure,
}

impl Rounds {
    /// Adds a round; `each` is how many things were done in one step.
    pub fn add(&mut self, sample: &Sample, each: f64) {
        self.rates.push(sample.rate * each);
        self.p50s.push(sample.percentile_ms(50.0));
        self.p99s.push(sample.percentile_ms(99.0));
    }

    /// The figures under this name.
    pub fn figures(self, name: &str) -> Figures {
        let ms =
            |what, rounds| Figure::median(format!("{name}, {what}"), Unit::Milliseconds, rounds);
        Figures {
            rate: Figure::median(name, Unit::PerSecond, self.rates),
            p50: ms("p50", self.p50s),
            p99: ms("p99", self.p99s),
        }
    }
}
