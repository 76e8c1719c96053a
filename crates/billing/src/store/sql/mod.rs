//! The statements of the store, in the SQL that Postgres and SQLite share
//! (SQLite takes `$1` too). Compiled once below each backend's module, which
//! names the database, how a transaction begins and how a row is locked.

mod accounts;
mod holds;
mod keys;
mod ledger;
mod payments;
mod projection;
mod stripe;
mod subscriptions;

use async_trait::async_trait;
use sqlx::Transaction;

use super::{BEGIN, BEGIN_HOLD, Backend, Db};
use crate::store::{Store, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// The columns of [`crate::store::Account`], for statements on `accounts`.
macro_rules! account_columns {
    () => {
        "accounts.id, accounts.email, accounts.verified_at, accounts.created_at, accounts.plan, \
         accounts.period_start, accounts.period_end, accounts.closes, accounts.prepaid, \
         accounts.prepaid_held, accounts.version"
    };
}
use account_columns;

impl Backend {
    async fn begin(&self) -> Result<Transaction<'static, Db>> {
        self.begin_with(BEGIN).await
    }

    /// For what may be lost in a crash of the database: holds, and giving them
    /// back.
    async fn begin_hold(&self) -> Result<Transaction<'static, Db>> {
        self.begin_with(BEGIN_HOLD).await
    }

    /// Begins in a task of its own. A caller who leaves between the database's
    /// beginning and sqlx's note of it would else give the connection back with
    /// the transaction still open.
    async fn begin_with(&self, statement: &'static str) -> Result<Transaction<'static, Db>> {
        let pool = self.writer().clone();
        let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
        Ok(begun.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }
}

#[async_trait]
impl Store for Backend {
    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(self.reader()).await?;
        Ok(())
    }
}
