//! Counters in this process, for one-process mode. They start empty and fill
//! from the ledger as accounts are asked for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use super::{
    Admission, Applied, Ask, Counters, DailyLimit, Load, Profile, Projection, Result, Usage,
    gcra::Verdict,
};
use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    store::CycleUsage,
    window::{CalendarMonth, day_number},
};

/// How long an answer is remembered for an operation that asks again.
const REMEMBERED_MICROS: i64 = 60_000_000;
/// How often what is over is thrown away.
const PRUNE_EVERY_MICROS: i64 = 10_000_000;

/// Counters in this process.
#[derive(Debug, Default)]
pub struct LocalCounters {
    accounts: Mutex<HashMap<AccountId, Entry>>,
    limits: Mutex<Limits>,
    filled: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    /// Its version is that of the last change written, gaps or not.
    profile: Profile,
    /// The last version with no gap before it.
    contiguous: i64,
    ahead: BTreeSet<i64>,
    cycles: BTreeMap<i64, CycleUsage>,
    months: BTreeMap<i64, Usage>,
}

#[derive(Debug, Default)]
struct Limits {
    arrivals: HashMap<String, i64>,
    days: HashMap<(String, i64), u32>,
    anonymous: HashMap<OperationId, (String, i64)>,
    answers: HashMap<OperationId, (Admission, i64)>,
    pruned_at: i64,
}

impl LocalCounters {
    /// Empties them, as a restart does.
    pub fn clear(&self) {
        lock(&self.accounts).clear();
        *lock(&self.limits) = Limits::default();
        self.filled.store(false, Ordering::Release);
    }

    fn with<T>(&self, account: AccountId, read: impl FnOnce(&Entry) -> T) -> Option<T> {
        lock(&self.accounts).get(&account).map(read)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Counters for LocalCounters {
    async fn admit(&self, ask: &Ask<'_>) -> Result<Admission> {
        Ok(lock(&self.limits).admit(ask))
    }

    async fn finish_anonymous(&self, operation: &OperationId, succeeded: bool) -> Result<()> {
        lock(&self.limits).finish_anonymous(operation, succeeded);
        Ok(())
    }

    async fn apply(&self, change: &Projection) -> Result<Applied> {
        let mut accounts = lock(&self.accounts);
        let Some(entry) = accounts.get_mut(&change.profile.account) else {
            return Ok(Applied::Missing);
        };
        entry.take(change);
        entry.advance(change.profile.version);
        Ok(Applied::Counted)
    }

    async fn load(&self, whole: &Projection, how: Load) -> Result<()> {
        let mut accounts = lock(&self.accounts);
        let version = whole.profile.version;
        match accounts.get_mut(&whole.profile.account) {
            Some(entry) if how == Load::Careful && entry.profile.version > version => {
                entry.take(whole);
                entry.reach(version);
            }
            _ => {
                accounts.insert(whole.profile.account, Entry::of(whole));
            }
        }
        Ok(())
    }

    async fn profile(&self, account: AccountId) -> Result<Option<Profile>> {
        Ok(self
            .with(account, |entry| Profile { version: entry.contiguous, ..entry.profile.clone() }))
    }

    async fn versions(&self, accounts: &[AccountId]) -> Result<Vec<Option<i64>>> {
        Ok(accounts.iter().map(|account| self.with(*account, |entry| entry.contiguous)).collect())
    }

    async fn month(&self, account: AccountId, month: CalendarMonth) -> Result<Usage> {
        let usage = self.with(account, |entry| entry.months.get(&month.number()).copied());
        Ok(usage.flatten().unwrap_or_default())
    }

    async fn cycle(&self, account: AccountId, start: i64) -> Result<Usage> {
        let cycle = self.with(account, |entry| entry.cycles.get(&start).copied()).flatten();
        Ok(cycle.map(|cycle| Usage { app: cycle.app, api: cycle.api }).unwrap_or_default())
    }

    async fn cycles(&self, account: AccountId) -> Result<Vec<CycleUsage>> {
        Ok(self.with(account, |entry| entry.cycles.values().copied().collect()).unwrap_or_default())
    }

    async fn is_filled(&self) -> Result<bool> {
        Ok(self.filled.load(Ordering::Acquire))
    }

    async fn mark_filled(&self) -> Result<()> {
        self.filled.store(true, Ordering::Release);
        Ok(())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

impl Entry {
    fn of(whole: &Projection) -> Self {
        let mut entry = Self {
            profile: whole.profile.clone(),
            contiguous: whole.profile.version,
            ahead: BTreeSet::new(),
            cycles: BTreeMap::new(),
            months: BTreeMap::new(),
        };
        entry.take(whole);
        entry
    }

    /// Takes the larger of each sum, and the profile of the later version.
    fn take(&mut self, change: &Projection) {
        if change.profile.version >= self.profile.version {
            self.profile = change.profile.clone();
        }
        for cycle in &change.cycles {
            let own = self.cycles.entry(cycle.start).or_insert(*cycle);
            *own =
                CycleUsage { app: own.app.max(cycle.app), api: own.api.max(cycle.api), ..*cycle };
        }
        for month in &change.months {
            let own = self.months.entry(month.month).or_default();
            *own = Usage { app: own.app.max(month.app), api: own.api.max(month.api) };
        }
    }

    /// Notes one version as applied.
    fn advance(&mut self, version: i64) {
        if version > self.contiguous {
            self.ahead.insert(version);
        }
        self.reach(self.contiguous);
    }

    /// Everything up to a version is applied.
    fn reach(&mut self, version: i64) {
        self.contiguous = self.contiguous.max(version);
        self.ahead = self.ahead.split_off(&(self.contiguous + 1));
        while self.ahead.remove(&(self.contiguous + 1)) {
            self.contiguous += 1;
        }
    }
}

impl Limits {
    fn admit(&mut self, ask: &Ask<'_>) -> Admission {
        let now = ask.now.micros();
        self.prune(now);
        if let Some((answer, _)) = self.answers.get(ask.operation) {
            return *answer;
        }
        let answer = self.decide(ask, now);
        self.answers.insert(ask.operation.clone(), (answer, now));
        answer
    }

    fn decide(&mut self, ask: &Ask<'_>, now: i64) -> Admission {
        let verdicts: Vec<Verdict> = ask
            .rates
            .iter()
            .map(|rate| Verdict::of(rate, self.arrivals.get(&rate.name).copied(), now))
            .collect();
        let tightest = |passed: bool| {
            let statuses = verdicts.iter().map(|verdict| verdict.status(passed));
            statuses.min_by_key(|status| status.remaining).unwrap_or_default()
        };
        let slowest = verdicts.iter().filter_map(|verdict| Some((verdict.wait()?, verdict)));
        if let Some((wait, verdict)) = slowest.max_by_key(|(wait, _)| *wait) {
            return Admission::TooFast(verdict.status(false), wait);
        }
        if let Some(daily) = &ask.daily
            && !self.take_picture(daily, ask)
        {
            return Admission::DayIsOver(tightest(false));
        }
        for (rate, verdict) in ask.rates.iter().zip(&verdicts) {
            self.arrivals.insert(rate.name.clone(), verdict.after());
        }
        Admission::Admitted(tightest(true))
    }

    fn take_picture(&mut self, daily: &DailyLimit, ask: &Ask<'_>) -> bool {
        let day = (daily.name.clone(), day_number(ask.now));
        let taken = self.days.entry(day.clone()).or_default();
        if *taken >= daily.limit {
            return false;
        }
        *taken += 1;
        self.anonymous.insert(ask.operation.clone(), day);
        true
    }

    fn finish_anonymous(&mut self, operation: &OperationId, succeeded: bool) {
        let Some(day) = self.anonymous.remove(operation) else { return };
        if !succeeded && let Some(taken) = self.days.get_mut(&day) {
            *taken = taken.saturating_sub(1);
        }
    }

    /// Throws away what can no longer matter.
    fn prune(&mut self, now: i64) {
        if now - self.pruned_at < PRUNE_EVERY_MICROS {
            return;
        }
        self.pruned_at = now;
        let today = day_number(Moment::from_seconds(now.div_euclid(1_000_000)));
        self.arrivals.retain(|_, arrival| *arrival > now);
        self.days.retain(|(_, day), _| *day >= today);
        self.anonymous.retain(|_, (_, day)| *day >= today);
        self.answers.retain(|_, (_, at)| now - *at < REMEMBERED_MICROS);
    }
}
