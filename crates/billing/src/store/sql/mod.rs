//! The statements of the store, in the SQL that Postgres and SQLite share
//! (SQLite takes `$1` too). Compiled once below each backend's module, which
//! names the database, how a transaction begins and how a row is locked.

mod accounts;
mod keys;
mod ledger;
mod projection;

use async_trait::async_trait;
use sqlx::Transaction;

use super::{BEGIN, Backend, Db};
use crate::store::{Store, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// The columns of [`crate::store::Account`], for statements that select from
/// `accounts AS a`.
macro_rules! account_columns {
    () => {
        "a.id, a.email, a.verified_at, a.created_at, a.plan, a.period_start, a.period_end, \
         a.closes, a.prepaid, a.prepaid_held, a.version"
    };
}
use account_columns;

impl Backend {
    async fn begin(&self) -> Result<Transaction<'static, Db>> {
        Ok(self.writer().begin_with(BEGIN).await?)
    }
}

#[async_trait]
impl Store for Backend {
    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(self.reader()).await?;
        Ok(())
    }
}
