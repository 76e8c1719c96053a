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
    /// For holding and giving back, which do not wait for the disk. A crash of
    /// the server may lose the last half second of them: a hold that is lost
    /// charges nobody, and a charge is not durable before its hold is.
    quick: PgPool,
}

impl PostgresStore {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    /// Where the server does not answer or the schema cannot be changed.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse()?;
        let quick = options.clone().options([("synchronous_commit", "off")]);
        let pool = || {
            PgPoolOptions::new().max_connections(connections.div_ceil(2)).acquire_timeout(PATIENCE)
        };
        let store = Self {
            pool: pool().connect_with(options).await?,
            quick: pool().connect_with(quick).await?,
        };
        sqlx::migrate!("migrations/postgres").run(&store.pool).await?;
        Ok(store)
    }

    fn reader(&self) -> &PgPool {
        &self.pool
    }

    fn writer(&self) -> &PgPool {
        &self.pool
    }

    fn holder(&self) -> &PgPool {
        &self.quick
    }
}
