//! The words of a charge's life: hold → commit or release.

use super::Snapshot;
use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    secret::Digest,
};

/// What a charge counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageKind {
    /// By a signed-in user.
    App,
    /// By an API key.
    Api,
}

impl UsageKind {
    /// The name in the ledger and in the counters' keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Api => "api",
        }
    }

    /// Spreads an amount over the app and the api column.
    pub(super) fn spread(self, amount: i64) -> (i64, i64) {
        match self {
            Self::App => (amount, 0),
            Self::Api => (0, amount),
        }
    }
}

impl TryFrom<String> for UsageKind {
    type Error = sqlx::Error;

    fn try_from(name: String) -> Result<Self, sqlx::Error> {
        match name.as_str() {
            "app" => Ok(Self::App),
            "api" => Ok(Self::Api),
            _ => Err(sqlx::Error::Decode(format!("unknown kind of usage {name:?}").into())),
        }
    }
}

/// A reservation to make.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The attempt.
    pub operation: OperationId,
    /// Who pays.
    pub account: AccountId,
    /// What it counts as.
    pub kind: UsageKind,
    /// What it costs.
    pub credits: u32,
    /// Digest of the Idempotency-Key and the request: charged once a day.
    pub repeat_of: Option<Digest>,
    /// Now.
    pub now: Moment,
}

/// How long an Idempotency-Key protects, in seconds.
pub(super) const REPEAT_SECONDS: i64 = 24 * 3600;

/// How a reservation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Held; a commit charges so many credits.
    Held(u32),
    /// Not enough left. `until` is when the window ends.
    OutOfCredits {
        /// Unix seconds.
        until: i64,
    },
}

/// How a commit went.
#[derive(Debug, Clone)]
pub enum Committed {
    /// Charged now; the counters must learn what changed.
    Charged(u32, Box<Snapshot>),
    /// It was resolved before, or nothing was to be charged.
    Settled(u32),
    /// There is no such operation.
    Unknown,
}

/// How many credits come from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// From the window's included credits.
    pub included: i64,
    /// From the prepaid ones.
    pub prepaid: i64,
}

impl Charge {
    /// Nothing.
    pub const NONE: Self = Self { included: 0, prepaid: 0 };

    /// Splits a cost: included credits first, then prepaid ones. `None` where
    /// both together do not cover it.
    #[must_use]
    pub fn split(cost: u32, included_left: i64, prepaid_left: i64) -> Option<Self> {
        let cost = i64::from(cost);
        let included = cost.min(included_left.max(0));
        let prepaid = cost - included;
        (prepaid <= prepaid_left.max(0)).then_some(Self { included, prepaid })
    }

    /// Both together.
    #[must_use]
    pub fn total(self) -> u32 {
        u32::try_from(self.included + self.prepaid).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_first_then_prepaid() {
        for (cost, included, prepaid, expected) in [
            (1, 5, 5, Some((1, 0))),
            (3, 1, 5, Some((1, 2))),
            (3, 0, 3, Some((0, 3))),
            (3, 1, 1, None),
            (1, -4, 1, Some((0, 1))),
            (1, 0, -2, None),
            (0, 0, -2, Some((0, 0))),
        ] {
            let split = Charge::split(cost, included, prepaid);
            assert_eq!(
                split.map(|c| (c.included, c.prepaid)),
                expected,
                "{cost} {included} {prepaid}"
            );
        }
    }
}
