//! Keeping the counters at the ledger's heels. A change is applied right after
//! its transaction; where that fails or never happens, the account's version in
//! the counters stays behind the ledger's, which is noticed when the account is
//! read, by a task that tries again at once, and by a look over all accounts.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use proto::ServiceError;

use super::{Answer, BillingService, Inner};
use crate::{
    counters::{Applied, Load, Profile, Projection},
    identity::AccountId,
    store::{Account, Snapshot},
};

const PAGE: i64 = 500;

/// Accounts whose counters are known to be behind.
#[derive(Debug, Default)]
pub(super) struct Behind(Mutex<HashSet<AccountId>>);

impl Behind {
    fn add(&self, account: AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account);
    }

    pub(super) fn take(&self) -> HashSet<AccountId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a rebuild did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Accounts loaded.
    pub accounts: u64,
}

impl BillingService {
    /// Loads every account into the counters, exactly as the ledger has it.
    ///
    /// # Errors
    /// Where the store or the counters do not answer.
    pub async fn rebuild(&self) -> Result<Rebuilt, ServiceError> {
        self.0.rebuild().await
    }

    /// Loads the accounts whose counters are not where the ledger is, and all
    /// of them where the counters were emptied. Returns how many were loaded.
    ///
    /// # Errors
    /// Where the store or the counters do not answer.
    pub async fn reconcile(&self) -> Result<u64, ServiceError> {
        self.0.reconcile().await
    }
}

impl Inner {
    /// Tells the counters of one charge. Its failure is not the caller's: the
    /// ledger has it, and the counters will catch up.
    pub(super) async fn follow(&self, change: &Snapshot) {
        let account = change.account.id;
        let result = match self.counters.apply(&self.project(change)).await {
            Ok(Applied::Counted) => Ok(()),
            Ok(Applied::Missing) => self.load(account, Load::Careful).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = result {
            tracing::warn!(%account, %error, "the counters are behind the ledger");
            self.behind.add(account);
        }
    }

    /// Tells the counters of a change that was not a charge.
    pub(super) async fn follow_account(&self, account: AccountId) {
        if let Err(error) = self.load(account, Load::Careful).await {
            tracing::warn!(%account, %error, "the counters are behind the ledger");
            self.behind.add(account);
        }
    }

    /// The profile of an account, no older than the account as it was read.
    pub(super) async fn profile(&self, account: &Account) -> Answer<Profile> {
        if account.has_lapsed(self.clock.now()) {
            self.end_lapsed().await?;
        }
        let known = self.counters.profile(account.id).await?;
        // Equal versions may still differ where the plans file has changed.
        let expected = self.project_profile(account);
        let current = |known: &Profile| known.version > account.version || *known == expected;
        if let Some(profile) = known.filter(current) {
            return Ok(profile);
        }
        self.load(account.id, Load::Careful).await?;
        let loaded = self.counters.profile(account.id).await?;
        loaded.ok_or_else(|| ServiceError::internal("an account was lost while it was loaded"))
    }

    /// Puts the whole account into the counters.
    pub(super) async fn load(&self, account: AccountId, how: Load) -> Answer<()> {
        let snapshot = self.store.snapshot(account).await?;
        let Some(snapshot) = snapshot else { return Ok(()) };
        Ok(self.counters.load(&self.project(&snapshot), how).await?)
    }

    /// Ends subscriptions that were to end with a window that is over.
    pub(super) async fn end_lapsed(&self) -> Answer<()> {
        let default = &self.plans.default_plan().name;
        let ended = self.store.end_lapsed(default, self.clock.now()).await?;
        for account in ended {
            self.follow_account(account).await;
        }
        Ok(())
    }

    async fn rebuild(&self) -> Answer<Rebuilt> {
        let mut rebuilt = Rebuilt::default();
        let mut after = None;
        loop {
            let page = self.store.versions(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (account, _) in &page {
                self.load(*account, Load::Exact).await?;
                rebuilt.accounts += 1;
            }
        }
        self.counters.mark_filled().await?;
        Ok(rebuilt)
    }

    pub(super) async fn reconcile(&self) -> Answer<u64> {
        if !self.counters.is_filled().await? {
            return self.rebuild().await.map(|rebuilt| rebuilt.accounts);
        }
        let mut loaded = 0;
        let mut after = None;
        loop {
            let page = self.store.versions(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(loaded) };
            after = Some(*last);
            loaded += self.reconcile_page(&page).await?;
        }
    }

    async fn reconcile_page(&self, page: &[(AccountId, i64)]) -> Answer<u64> {
        let ids: Vec<AccountId> = page.iter().map(|(account, _)| *account).collect();
        let counted = self.counters.versions(&ids).await?;
        let mut loaded = 0;
        for ((account, version), counted) in page.iter().zip(counted) {
            let how = match counted {
                Some(counted) if counted == *version => continue,
                Some(counted)
                    if counted > *version && !self.is_beyond(*account, counted).await? =>
                {
                    continue;
                }
                Some(counted) if counted > *version => Load::Exact,
                _ => Load::Careful,
            };
            self.load(*account, how).await?;
            loaded += 1;
        }
        Ok(loaded)
    }

    /// Whether the counters know a change that the ledger does not: it was
    /// restored from a backup. A change between two looks is no such thing.
    async fn is_beyond(&self, account: AccountId, counted: i64) -> Answer<bool> {
        let account = self.store.account(account).await?;
        Ok(account.is_some_and(|account| account.version < counted))
    }

    fn project(&self, snapshot: &Snapshot) -> Projection {
        Projection {
            profile: self.project_profile(&snapshot.account),
            cycles: snapshot.cycles.clone(),
            months: snapshot.months.clone(),
        }
    }

    fn project_profile(&self, account: &Account) -> Profile {
        let standing = self.plans.standing(account, self.clock.now());
        let window = standing.window;
        Profile {
            account: account.id,
            membership: standing.plan.name.clone(),
            credits: i64::from(standing.plan.credits),
            prepaid_credits: account.prepaid.max(0),
            period: window.synced.then_some((window.start, window.end)),
            version: account.version,
        }
    }
}
