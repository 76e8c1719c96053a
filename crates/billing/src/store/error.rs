//! What can go wrong with the store.

/// The store failed; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or did not answer.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("migrations: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The operation is another account's.
    #[error("the operation belongs to another account")]
    ForeignOperation,
    /// There is no such account.
    #[error("no such account")]
    UnknownAccount,
    /// A pack was paid that the plans file does not have.
    #[error("no such pack")]
    UnknownPack,
}
