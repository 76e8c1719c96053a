//! What the store hands out and takes.

use sqlx::FromRow;

use crate::{
    clock::Moment,
    identity::{AccountId, EmailAddress, KeyId},
    secret::Digest,
    window::Window,
};

/// An account as it stands.
#[derive(Debug, Clone, FromRow)]
pub struct Account {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub id: AccountId,
    /// Its address.
    #[sqlx(try_from = "String")]
    pub email: EmailAddress,
    /// When the address was verified.
    pub verified_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// The name of its plan.
    pub plan: String,
    /// Stripe's current window.
    pub period_start: Option<i64>,
    /// The end of it.
    pub period_end: Option<i64>,
    /// Whether the subscription ends with the window.
    pub closes: bool,
    /// The prepaid balance; below zero after a refund of spent credits.
    pub prepaid: i64,
    /// What open reservations hold of it.
    pub prepaid_held: i64,
    /// Counts the changes that the counters must learn of.
    pub version: i64,
}

impl Account {
    /// Stripe's current window, where it has told one.
    #[must_use]
    pub fn period(&self) -> Option<Window> {
        Some(Window { start: self.period_start?, end: self.period_end?, synced: true })
    }

    /// Whether the subscription has ended with its window.
    #[must_use]
    pub fn has_lapsed(&self, now: Moment) -> bool {
        self.closes && self.period_end.is_some_and(|end| end <= now.seconds())
    }
}

/// An account to make.
#[derive(Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Its address.
    pub email: EmailAddress,
    /// Argon2id in PHC form; `None` until a password is set.
    pub password_hash: Option<String>,
    /// Whether the address counts as verified.
    pub verified: bool,
    /// The name of its plan.
    pub plan: String,
    /// Now.
    pub now: Moment,
}

/// What signing in needs.
#[derive(FromRow)]
pub struct Credentials {
    /// The account.
    #[sqlx(try_from = "String")]
    pub id: AccountId,
    /// Argon2id in PHC form, where a password is set.
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a mailed link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailPurpose {
    /// To verify the address.
    Verify,
    /// To set a new password.
    Reset,
}

impl EmailPurpose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }
}

/// The token of a mailed link.
#[derive(Debug)]
pub struct NewEmailToken {
    /// The token's digest.
    pub digest: Digest,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for.
    pub purpose: EmailPurpose,
    /// The password to set when a verification link is used.
    pub password_hash: Option<String>,
    /// Unix seconds.
    pub expires_at: i64,
}

/// How using a mailed link went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTokenUse {
    /// Done.
    Done(AccountId),
    /// Unknown, used or expired.
    Invalid,
}

/// An API key to keep.
#[derive(Debug)]
pub struct NewKey {
    /// Its public name.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// The key's digest.
    pub digest: Digest,
    /// The recognisable start.
    pub prefix: String,
    /// What its owner calls it.
    pub name: String,
    /// Now.
    pub now: Moment,
}

/// An API key as its owner sees it.
#[derive(Debug, Clone, FromRow)]
pub struct KeyRecord {
    /// Its public name.
    #[sqlx(try_from = "String")]
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// The recognisable start.
    pub prefix: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last used.
    pub last_used_at: Option<i64>,
}

/// Who stands behind a key.
#[derive(Debug, Clone, FromRow)]
pub struct KeyHolder {
    /// The key's public name.
    #[sqlx(try_from = "String")]
    pub key_id: KeyId,
    /// The account.
    #[sqlx(flatten)]
    pub account: Account,
}

/// Prepaid credits to give.
#[derive(Debug)]
pub struct Grant {
    /// Makes it happen once.
    pub id: String,
    /// To whom.
    pub account: AccountId,
    /// How many.
    pub credits: u32,
    /// Where they come from, for the books.
    pub source: &'static str,
    /// Now.
    pub now: Moment,
}

/// Committed included credits of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct CycleUsage {
    /// The window's start.
    #[sqlx(rename = "window_start")]
    pub start: i64,
    /// Its end as it was known at the last charge.
    #[sqlx(rename = "window_end")]
    pub end: i64,
    /// By signed-in users.
    pub app: i64,
    /// By API keys.
    pub api: i64,
}

/// Committed included credits of one calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct MonthUsage {
    /// See [`crate::window::CalendarMonth::number`].
    pub month: i64,
    /// By signed-in users.
    pub app: i64,
    /// By API keys.
    pub api: i64,
}

/// An account and usage of it, at one moment: all of it, or what one charge
/// changed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The account.
    pub account: Account,
    /// Windows.
    pub cycles: Vec<CycleUsage>,
    /// Calendar months.
    pub months: Vec<MonthUsage>,
}
