//! How fast this worker is, learnt from what it did: the ground for what
//! `Retry-After` says and for scaling on the seconds of work that wait.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Thread-seconds a pixel before anything was measured.
const FIRST_GUESS: f64 = 150e-9;
/// Weight of the newest job.
const WEIGHT: f64 = 0.1;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A moving average of thread-seconds a pixel, as the bits of an `f64`.
#[derive(Debug)]
pub(crate) struct Pace {
    seconds_a_pixel: AtomicU64,
    threads: f64,
}

impl Pace {
    pub(crate) fn new(threads: usize) -> Self {
        Self { seconds_a_pixel: AtomicU64::new(FIRST_GUESS.to_bits()), threads: threads as f64 }
    }

    /// Learns from a finished job.
    pub(crate) fn learn(&self, pixels: u64, took: Duration) {
        let newest = took.as_secs_f64() / pixels.max(1) as f64;
        let blend = |bits| {
            let average = f64::from_bits(bits);
            Some((average + WEIGHT * (newest - average)).to_bits())
        };
        // The closure always answers, so the update cannot fail.
        let _ = self.seconds_a_pixel.fetch_update(Ordering::Relaxed, Ordering::Relaxed, blend);
    }

    /// How long so many pixels keep all threads busy.
    pub(crate) fn seconds(&self, pixels: u64) -> f64 {
        let average = f64::from_bits(self.seconds_a_pixel.load(Ordering::Relaxed));
        pixels as f64 * average / self.threads
    }

    /// When room can be expected: after half of what waits is done.
    pub(crate) fn retry_after(&self, pixels: u64) -> Duration {
        let seconds = (self.seconds(pixels) / 2.0).ceil();
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_what_is_measured() {
        let pace = Pace::new(2);
        for _ in 0..200 {
            pace.learn(1_000_000, Duration::from_millis(200));
        }
        assert!((pace.seconds(10_000_000) - 1.0).abs() < 0.01);
        assert_eq!(pace.retry_after(100_000_000), Duration::from_secs(5));
    }

    #[test]
    fn the_answer_is_never_absurd() {
        let pace = Pace::new(1);
        assert_eq!(pace.retry_after(0), SHORTEST);
        assert_eq!(pace.retry_after(u64::MAX), LONGEST);
    }
}
