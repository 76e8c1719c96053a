//! Waiting for another process.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(20);

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "tests run on plain threads, no runtime to block")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks until the answer is there; `None` when the limit is over.
pub fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() >= until {
            return None;
        }
        pause(STEP);
    }
}
