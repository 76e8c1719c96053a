//! What the command line does: accounts and keys made by the operator, the
//! owner's account of the first start, and rebuilding the counters. It works on
//! the store of a running server: the server reads what it decides by from the
//! store, and notices by the account's version that its counters are behind.

use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use proto::ServiceError;

use crate::{
    BillingService,
    identity::{AccountId, EmailAddress, KeyId, Malformed},
    secret::ApiKey,
    store::{Account, Grant, KeyRecord, NewAccount, StoreError},
};

/// The address of the account that the first start makes.
const OWNER: &str = "owner@localhost";

/// The operator asked for something that cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A value is no such thing.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The address has an account already.
    #[error("{0} has an account already")]
    AccountExists(EmailAddress),
    /// The address has no account.
    #[error("{0} has no account")]
    UnknownAccount(EmailAddress),
    /// The plans file has no such plan.
    #[error("no plan {name:?}; there are: {known}")]
    UnknownPlan {
        /// As asked.
        name: String,
        /// What there is.
        known: String,
    },
    /// The account has no such key.
    #[error("no such key")]
    UnknownKey,
    /// The key cannot be left where it was to be left.
    #[error("{path}: {source}")]
    File {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service refused.
    #[error("{}", .0.message)]
    Service(#[from] ServiceError),
}

/// An account to make from the command line.
#[derive(Debug, Clone)]
pub struct AccountOrder {
    /// Its address.
    pub email: EmailAddress,
    /// Whether the address counts as verified.
    pub verified: bool,
    /// Its plan; `None` is the default one.
    pub plan: Option<String>,
    /// Prepaid credits to begin with.
    pub prepaid: u32,
}

impl BillingService {
    /// Makes an account without a password; a reset link sets one.
    ///
    /// # Errors
    /// [`AdminError::AccountExists`], [`AdminError::UnknownPlan`].
    pub async fn create_account(&self, order: &AccountOrder) -> Result<AccountId, AdminError> {
        let plan = match &order.plan {
            Some(name) => self.plans().plan(name).ok_or_else(|| self.unknown_plan(name))?,
            None => self.plans().default_plan(),
        };
        let new = NewAccount {
            id: AccountId::generate(),
            email: order.email.clone(),
            password_hash: None,
            verified: order.verified,
            plan: plan.name.clone(),
            now: self.clock().now(),
        };
        if !self.store().create_account(&new).await? {
            return Err(AdminError::AccountExists(order.email.clone()));
        }
        if order.prepaid > 0 {
            self.grant_prepaid(new.id, order.prepaid).await?;
        }
        self.refresh(new.id).await;
        Ok(new.id)
    }

    /// Gives an account prepaid credits.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn grant_prepaid(&self, account: AccountId, credits: u32) -> Result<(), AdminError> {
        let id = format!("operator:{}", KeyId::generate());
        let grant = Grant { id, account, credits, source: "operator", now: self.clock().now() };
        self.store().grant(&grant).await?;
        self.refresh(account).await;
        Ok(())
    }

    /// Makes a key; the only time that it is seen.
    ///
    /// # Errors
    /// [`AdminError::UnknownAccount`].
    pub async fn create_key_for(
        &self,
        email: &EmailAddress,
        name: &str,
    ) -> Result<ApiKey, AdminError> {
        let account = self.account_of(email).await?;
        Ok(self.issue_key(account.id, name).await?.0)
    }

    /// An account's keys, oldest first.
    ///
    /// # Errors
    /// [`AdminError::UnknownAccount`].
    pub async fn keys_of(&self, email: &EmailAddress) -> Result<Vec<KeyRecord>, AdminError> {
        let account = self.account_of(email).await?;
        Ok(self.store().keys(account.id).await?)
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`AdminError::UnknownAccount`], [`AdminError::UnknownKey`].
    pub async fn revoke_key_of(&self, email: &EmailAddress, key: KeyId) -> Result<(), AdminError> {
        let account = self.account_of(email).await?;
        let ended = self.store().revoke_key(account.id, key, self.clock().now()).await?;
        if ended { Ok(()) } else { Err(AdminError::UnknownKey) }
    }

    /// At the first start, makes the owner's account and a key, leaves the key
    /// in `key_file` (mode 600) and returns it; later returns `None`.
    ///
    /// # Errors
    /// Where the store does not answer or the file cannot be written.
    pub async fn ensure_owner(&self, key_file: &Path) -> Result<Option<ApiKey>, AdminError> {
        let plan = self.plans().owner_plan().name.clone();
        let owner = match self.store().first_on_plan(&plan).await? {
            Some(account) => account.id,
            None => {
                let email = OWNER.parse()?;
                let order = AccountOrder { email, verified: true, plan: Some(plan), prepaid: 0 };
                self.create_account(&order).await?
            }
        };
        // A start that was killed before the key was good is repeated; the key is
        // good only once it stands in the file.
        if !self.store().keys(owner).await?.is_empty() {
            return Ok(None);
        }
        let key = ApiKey::generate();
        write_private(key_file, key.expose())
            .map_err(|source| AdminError::File { path: key_file.display().to_string(), source })?;
        self.keep_key(&key, owner, "first start").await?;
        Ok(Some(key))
    }

    async fn account_of(&self, email: &EmailAddress) -> Result<Account, AdminError> {
        let account = self.store().account_by_email(email).await?;
        account.ok_or_else(|| AdminError::UnknownAccount(email.clone()))
    }

    fn unknown_plan(&self, name: &str) -> AdminError {
        let known = self.plans().names().collect::<Vec<_>>().join(", ");
        AdminError::UnknownPlan { name: name.to_owned(), known }
    }
}

/// Writes a file that only its owner may read, whatever stood there before.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    // With Postgres as the store, nothing else has made the data directory.
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")
}
