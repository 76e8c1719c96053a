//! Postgres, for several processes on several machines.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::StoreError;

type Db = sqlx::Postgres;
type Backend = PostgresStore;

const BEGIN: &str = "BEGIN";

/// Holding and giving back do not wait for the disk. A crash of the server may
/// lose the last half second of them: a hold that is lost charges nobody, and a
/// charge is not durable before its hold is. Said in the transaction itself, so
/// that it holds behind a pooler too.
const BEGIN_HOLD: &str = "BEGIN; SET LOCAL synchronous_commit TO off";

/// Locks the rows that the statement reads.
macro_rules! locking {
    ($($part:expr),+) => { concat!($($part),+, " FOR UPDATE") };
}

#[path = "sql/mod.rs"]
mod sql;

/// How long a call waits for a free connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// The shared store.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// Where the server does not answer or the schema cannot be changed.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
        let store = Self { pool: pool.connect_with(options).await? };
        sqlx::migrate!("migrations/postgres").run(&store.pool).await?;
        Ok(store)
    }

    fn reader(&self) -> &PgPool {
        &self.pool
    }

    fn writer(&self) -> &PgPool {
        &self.pool
    }
}
