//! Postgres, for several processes on several machines.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgPoolOptions};

use super::StoreError;

type Db = sqlx::Postgres;
type Backend = PostgresStore;

const BEGIN: &str = "BEGIN";

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
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .connect(url)
            .await?;
        sqlx::migrate!("migrations/postgres").run(&pool).await?;
        Ok(Self { pool })
    }

    fn reader(&self) -> &PgPool {
        &self.pool
    }

    fn writer(&self) -> &PgPool {
        &self.pool
    }
}
