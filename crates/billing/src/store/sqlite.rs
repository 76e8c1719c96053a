//! SQLite, for one process with nothing installed. All writes go through one
//! connection: waiting for it in a fair queue beats SQLite's own polling for its
//! lock. WAL lets readers go on meanwhile, and lets the command line work on the
//! store of a running server.

use std::{path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::StoreError;

type Db = sqlx::Sqlite;
type Backend = SqliteStore;

/// Taking the write lock at the start keeps a transaction from failing halfway
/// because another process wrote after its first read.
const BEGIN: &str = "BEGIN IMMEDIATE";
const BEGIN_HOLD: &str = BEGIN;

/// A transaction holds the only write lock there is.
macro_rules! locking {
    ($($part:expr),+) => { concat!($($part),+) };
}

#[path = "sql/mod.rs"]
mod sql;

/// How long to wait for another process's write.
const BUSY: Duration = Duration::from_secs(10);
const READERS: u32 = 4;

/// The embedded store.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    read: SqlitePool,
    write: SqlitePool,
}

impl SqliteStore {
    /// Opens or makes the file and brings its schema up to date.
    ///
    /// # Errors
    /// Where the file cannot be opened or is no such database.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // Safe against a killed process; a power cut may lose the last
            // moments, never consistency.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("migrations/sqlite").run(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self { read, write })
    }

    fn reader(&self) -> &SqlitePool {
        &self.read
    }

    fn writer(&self) -> &SqlitePool {
        &self.write
    }
}
