//! Counters, windows and limits: in Redis, where other tools read them too, or
//! in this process. One trait, one conformance suite.
//!
//! The counters follow the ledger, they decide nothing about money. Each change
//! of an account has a version, one higher than the change before, and carries
//! the new sums. Sums only grow, so applying takes the larger one; that makes it
//! idempotent and indifferent to order. `version` in the account's hash is the
//! last one with no gap before it: while it equals the ledger's, nothing is
//! missing, and where it does not, the account is loaded anew.

mod gcra;
mod keys;
mod local;
mod redis;

use std::time::Duration;

use async_trait::async_trait;
use proto::billing_v1::RateStatus;

pub use local::LocalCounters;
pub use redis::RedisCounters;

use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    store::{CycleUsage, MonthUsage},
    window::CalendarMonth,
};

/// The counters did not answer; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("counters: {0}")]
pub struct CountersError(pub String);

type Result<T> = std::result::Result<T, CountersError>;

/// A short-term limit on one thing: a key, an account, an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// What is limited; part of the counter's name.
    pub name: String,
    /// Requests a period, all of which may come at once.
    pub limit: u32,
    /// The period.
    pub period: Duration,
}

/// The anonymous trial of one address and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyLimit {
    /// The address.
    pub name: String,
    /// Pictures a UTC day.
    pub limit: u32,
}

/// One question to the limits: everything or nothing of it is counted.
#[derive(Debug, Clone)]
pub struct Ask<'o> {
    /// The attempt. Asking twice counts once and answers the same.
    pub operation: &'o OperationId,
    /// Short-term limits; at least one.
    pub rates: Vec<RateLimit>,
    /// The limit of the day.
    pub daily: Option<DailyLimit>,
    /// Now.
    pub now: Moment,
}

/// The limits' answer, with the tightest of the short-term limits as it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Admission {
    /// Go on.
    Admitted(RateStatus),
    /// A short-term limit says no; try again then.
    TooFast(RateStatus, Duration),
    /// The day's trial is used up.
    DayIsOver(RateStatus),
}

/// What the counters hold of an account, besides its usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whose it is.
    pub account: AccountId,
    /// The plan's name.
    pub membership: String,
    /// Included credits a window.
    pub credits: i64,
    /// The prepaid balance, never below zero.
    pub prepaid_credits: i64,
    /// Stripe's window, where it has told one.
    pub period: Option<(i64, i64)>,
    /// The version of all this.
    pub version: i64,
}

/// A profile with usage: all of it, or what one change touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The profile after the change.
    pub profile: Profile,
    /// Windows.
    pub cycles: Vec<CycleUsage>,
    /// Calendar months.
    pub months: Vec<MonthUsage>,
}

/// Usage as counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// By signed-in users.
    pub app: i64,
    /// By API keys.
    pub api: i64,
}

/// How applying a change went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is counted, now or before.
    Counted,
    /// The account is not there at all: it must be loaded.
    Missing,
}

/// How much a load may overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Keep what a later change has written meanwhile.
    Careful,
    /// The ledger is right whatever stands there.
    Exact,
}

/// Counters, windows and limits.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Asks the limits; one atomic decision.
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admission>;
    /// Ends an anonymous attempt; one that failed gives its picture of the day
    /// back.
    async fn finish_anonymous(&self, operation: &OperationId, succeeded: bool) -> Result<()>;
    /// Applies one change.
    async fn apply(&self, change: &Projection) -> Result<Applied>;
    /// Puts a whole account.
    async fn load(&self, whole: &Projection, how: Load) -> Result<()>;
    /// The profile, where the account is there.
    async fn profile(&self, account: AccountId) -> Result<Option<Profile>>;
    /// The versions of accounts; `None` for one that is not there.
    async fn versions(&self, accounts: &[AccountId]) -> Result<Vec<Option<i64>>>;
    /// Usage of a calendar month.
    async fn month(&self, account: AccountId, month: CalendarMonth) -> Result<Usage>;
    /// Usage of a window, by its start.
    async fn cycle(&self, account: AccountId, start: i64) -> Result<Usage>;
    /// Every window with usage, oldest first.
    async fn cycles(&self, account: AccountId) -> Result<Vec<CycleUsage>>;
    /// Whether every account has been loaded since the counters were emptied.
    async fn is_filled(&self) -> Result<bool>;
    /// Notes that every account has been loaded.
    async fn mark_filled(&self) -> Result<()>;
    /// Whether they answer.
    async fn ping(&self) -> Result<()>;
}
