//! From configuration to a service, without starting anything.

use std::{path::PathBuf, sync::Arc};

use crate::{
    clock::Clock,
    config::{BillingConfig, given},
    counters::{Counters, CountersError, LocalCounters, RedisCounters},
    mail::MailError,
    password::PasswordError,
    plans::{self, Plans, PlansError},
    service::BillingService,
    store::{PostgresStore, SqliteStore, Store, StoreError},
    stripe::StripeError,
};

/// The service cannot be built; the text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file or folder cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The plans file is wrong.
    #[error(transparent)]
    Plans(#[from] PlansError),
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Redis cannot be used.
    #[error(transparent)]
    Counters(#[from] CountersError),
    /// The cost of passwords makes no sense.
    #[error("configuration: billing.accounts: {0}")]
    Passwords(#[from] PasswordError),
    /// The mail server or the sender makes no sense.
    #[error("configuration: billing.mail: {0}")]
    Mail(#[from] MailError),
    /// Stripe's address or key makes no sense.
    #[error("configuration: billing.stripe: {0}")]
    Stripe(#[from] StripeError),
}

impl BillingService {
    /// Builds the service that the configuration describes: Postgres and Redis
    /// where their addresses are set, else SQLite in the data directory and
    /// counters in this process. Nothing runs in the background until
    /// [`Self::start`].
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(config: &BillingConfig) -> Result<Self, BuildError> {
        Self::build_with_clock(config, Clock::default()).await
    }

    /// As [`Self::build`], by a clock that the caller may move.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build_with_clock(
        config: &BillingConfig,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        let plans = load_plans(config)?;
        let store = open_store(config).await?;
        let counters = open_counters(config)?;
        Self::assemble(config, clock, plans, store, counters)
    }
}

fn load_plans(config: &BillingConfig) -> Result<Plans, BuildError> {
    let path = &config.plans_file;
    if path.as_os_str().is_empty() {
        return Ok(Plans::parse(plans::DEFAULTS)?);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|source| BuildError::File { path: path.clone(), source })?;
    Ok(Plans::parse(&text)?)
}

async fn open_store(config: &BillingConfig) -> Result<Arc<dyn Store>, BuildError> {
    if let Some(url) = given(&config.database_url) {
        return Ok(Arc::new(PostgresStore::connect(url, config.database_connections).await?));
    }
    let folder = &config.data_dir;
    std::fs::create_dir_all(folder)
        .map_err(|source| BuildError::File { path: folder.clone(), source })?;
    Ok(Arc::new(SqliteStore::open(&folder.join("rembg.db")).await?))
}

fn open_counters(config: &BillingConfig) -> Result<Arc<dyn Counters>, BuildError> {
    match given(&config.redis_url) {
        Some(url) => Ok(Arc::new(RedisCounters::new(url, config.redis_connections)?)),
        None => Ok(Arc::new(LocalCounters::default())),
    }
}
