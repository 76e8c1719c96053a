//! The ledger and everything else that must survive: accounts, keys, sessions,
//! charges, grants, Stripe's events. Postgres and SQLite stand behind one trait
//! and run the same statements (`sql/`), compiled once for each.
//!
//! Every change of an account's credits happens in a transaction that locks the
//! account's row first. That one rule makes concurrent decisions exact and rules
//! out deadlocks.

mod charge;
mod error;
mod postgres;
mod records;
mod sqlite;

use async_trait::async_trait;

pub use charge::{Charge, Committed, Hold, Reserved, UsageKind};
pub use error::StoreError;
pub use postgres::PostgresStore;
pub use records::{
    Account, Credentials, CycleUsage, EmailPurpose, EmailTokenUse, Grant, KeyHolder, KeyRecord,
    MonthUsage, NewAccount, NewEmailToken, NewKey, Snapshot,
};
pub use sqlite::SqliteStore;

use crate::{
    clock::Moment,
    identity::{AccountId, EmailAddress, KeyId, OperationId},
    plans::Plans,
    secret::Digest,
    stripe::Event,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Accounts, their passwords, mailed links and sessions.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes an account; `false` where the address is taken.
    async fn create_account(&self, account: &NewAccount) -> Result<bool>;
    /// An account by id.
    async fn account(&self, id: AccountId) -> Result<Option<Account>>;
    /// An account by address.
    async fn account_by_email(&self, email: &EmailAddress) -> Result<Option<Account>>;
    /// The oldest account on a plan.
    async fn first_on_plan(&self, plan: &str) -> Result<Option<Account>>;
    /// Up to `limit` accounts after one, in their order, with their versions.
    async fn versions(&self, after: Option<AccountId>, limit: i64)
    -> Result<Vec<(AccountId, i64)>>;
    /// What signing in needs, in one look whether or not the address is known.
    async fn credentials(&self, email: &EmailAddress) -> Result<Option<Credentials>>;
    /// Keeps the token of a mailed link.
    async fn put_email_token(&self, token: &NewEmailToken) -> Result<()>;
    /// Uses a verification link, once: the address is verified and the password
    /// that the registration asked for is set. Where that changes the password,
    /// what was opened under the old one ends.
    async fn verify_email(&self, token: Digest, now: Moment) -> Result<EmailTokenUse>;
    /// Uses a reset link, once: sets the password, verifies the address, ends
    /// all sessions; the keys too, where the address had a password without
    /// being verified.
    async fn reset_password(&self, token: Digest, hash: &str, now: Moment)
    -> Result<EmailTokenUse>;
    /// Opens a session.
    async fn open_session(
        &self,
        account: AccountId,
        token: Digest,
        now: Moment,
        expires_at: i64,
    ) -> Result<()>;
    /// The account behind a live session.
    async fn session_account(&self, token: Digest, now: Moment) -> Result<Option<Account>>;
    /// Ends a session; `false` where there is none.
    async fn close_session(&self, token: Digest) -> Result<bool>;
    /// Deletes expired sessions and tokens.
    async fn delete_expired(&self, now: Moment) -> Result<()>;
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Keeps a key's digest.
    async fn create_key(&self, key: &NewKey) -> Result<()>;
    /// The holder of a live key.
    async fn key_holder(&self, key: Digest) -> Result<Option<KeyHolder>>;
    /// An account's live keys, oldest first.
    async fn keys(&self, account: AccountId) -> Result<Vec<KeyRecord>>;
    /// Ends a key of an account; `false` where there is none.
    async fn revoke_key(&self, account: AccountId, key: KeyId, now: Moment) -> Result<bool>;
    /// Notes when keys were last used.
    async fn touch_keys(&self, used: &[(KeyId, i64)]) -> Result<()>;
}

/// Charges, grants and what they add up to.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Holds the credits of one operation: included ones first, then prepaid.
    /// Repeating it with the same operation changes nothing.
    async fn reserve(&self, hold: &Hold, plans: &Plans) -> Result<Reserved>;
    /// Charges a reservation, at most once.
    async fn commit(&self, operation: &OperationId, now: Moment) -> Result<Committed>;
    /// Gives a reservation back; nothing where it is resolved already. `false`
    /// where there is no such operation.
    async fn release(&self, operation: &OperationId, now: Moment) -> Result<bool>;
    /// Reservations older than a moment.
    async fn stale(&self, before: Moment, limit: i64) -> Result<Vec<OperationId>>;
    /// An account with its sums, added up from the ledger's rows and taken at
    /// one moment.
    async fn snapshot(&self, account: AccountId) -> Result<Option<Snapshot>>;
    /// Gives prepaid credits, once an id; `false` where the id is known.
    async fn grant(&self, grant: &Grant) -> Result<bool>;
    /// Puts an account on a plan without Stripe.
    async fn set_plan(&self, account: AccountId, plan: &str) -> Result<()>;
    /// Ends the subscriptions that were to end with a window that is over;
    /// returns the accounts.
    async fn end_lapsed(&self, default_plan: &str, now: Moment) -> Result<Vec<AccountId>>;
}

/// How booking an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booking {
    /// Booked now; the account that it changed.
    Applied(Option<AccountId>),
    /// Booked before.
    Known,
    /// Not booked: it is of the same second as the event that the subscription
    /// follows, so only Stripe can tell which is the later one.
    Ambiguous,
}

/// What Stripe told.
#[async_trait]
pub trait StripeBook: Send + Sync {
    /// Keeps an event as it came and does what it says, once, together.
    async fn apply_event(
        &self,
        event: &Event,
        payload: &[u8],
        plans: &Plans,
        now: Moment,
    ) -> Result<Booking>;
    /// Whether an event is booked.
    async fn event_is_known(&self, id: &str) -> Result<bool>;
    /// Stripe's customer of an account.
    async fn customer_of(&self, account: AccountId) -> Result<Option<String>>;
    /// Whether an account has a live subscription.
    async fn is_subscribed(&self, account: AccountId) -> Result<bool>;
}

/// The whole store.
#[async_trait]
pub trait Store: Accounts + Keys + Ledger + StripeBook {
    /// Whether it answers.
    async fn ping(&self) -> Result<()>;
}
