//! The generic cell rate algorithm (ITU-T I.371): one number a limit, the
//! "theoretical arrival time", stands for a whole bucket. A limit of N a period
//! takes N at once, then one every period/N. `lua/admit.lua` is the same
//! arithmetic.

use std::time::Duration;

use proto::billing_v1::RateStatus;

use super::RateLimit;

/// One limit, asked at one moment. Times are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    limit: u32,
    period: i64,
    interval: i64,
    now: i64,
    /// The arrival time as it stands.
    before: i64,
}

impl Verdict {
    /// Looks at a limit whose stored arrival time is `stored`.
    pub(super) fn of(limit: &RateLimit, stored: Option<i64>, now: i64) -> Self {
        let period = period_micros(limit);
        let interval = (period / i64::from(limit.limit.max(1))).max(1);
        Self { limit: limit.limit, period, interval, now, before: stored.unwrap_or(now).max(now) }
    }

    /// The arrival time to store when the request is let through.
    pub(super) fn after(&self) -> i64 {
        self.before + self.interval
    }

    /// How long to wait; `None` when the request may pass.
    pub(super) fn wait(&self) -> Option<Duration> {
        let ahead = self.after() - self.period - self.now;
        u64::try_from(ahead).ok().filter(|wait| *wait > 0).map(Duration::from_micros)
    }

    /// The limit as it stands after a request that passed, or did not.
    pub(super) fn status(&self, passed: bool) -> RateStatus {
        let arrival = if passed { self.after() } else { self.before };
        let ahead = arrival - self.now;
        RateStatus {
            limit: self.limit,
            remaining: whole(((self.period - ahead) / self.interval).max(0)),
            reset_seconds: whole(ahead.div_euclid(1_000_000) + i64::from(ahead % 1_000_000 > 0)),
        }
    }
}

/// A limit's period in microseconds.
pub(super) fn period_micros(limit: &RateLimit) -> i64 {
    i64::try_from(limit.period.as_micros()).unwrap_or(i64::MAX)
}

fn whole(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(limit: u32) -> RateLimit {
        RateLimit { name: "k".into(), limit, period: Duration::from_secs(60) }
    }

    #[test]
    fn a_burst_then_a_drip() {
        let limit = limit(3);
        let mut stored = None;
        for remaining in [2, 1, 0] {
            let verdict = Verdict::of(&limit, stored, 0);
            assert_eq!(verdict.wait(), None);
            assert_eq!(verdict.status(true).remaining, remaining);
            stored = Some(verdict.after());
        }
        let refused = Verdict::of(&limit, stored, 0);
        assert_eq!(refused.wait(), Some(Duration::from_secs(20)));
        assert_eq!(refused.status(false), RateStatus { limit: 3, remaining: 0, reset_seconds: 60 });
        let later = Verdict::of(&limit, stored, 20_000_000);
        assert_eq!(later.wait(), None);
    }
}
