//! What a limit has to do, written down as simply as it can be.

/// A bucket that leaks evenly: what GCRA has to agree with. Times are in seconds.
#[derive(Clone, Debug)]
pub struct Bucket {
    allows: f64,
    window: f64,
    used: f64,
}

impl Bucket {
    /// An empty one that leaks what it holds in a window.
    pub fn new(allows: u32, window: f64) -> Self {
        Self {
            allows: f64::from(allows),
            window,
            used: 0.0,
        }
    }

    /// Time passes.
    pub fn pass(&mut self, seconds: f64) {
        self.used = (self.used - seconds * self.allows / self.window).max(0.0);
    }

    /// How much room is over after taking so much; negative: it is refused.
    pub fn room_after(&self, cost: u32) -> f64 {
        self.allows - self.used - f64::from(cost)
    }

    /// Takes so much.
    pub fn take(&mut self, cost: u32) {
        self.used += f64::from(cost);
    }

    /// How long until so much may be taken.
    pub fn wait(&self, cost: u32) -> f64 {
        (-self.room_after(cost)).max(0.0) * self.window / self.allows
    }
}
