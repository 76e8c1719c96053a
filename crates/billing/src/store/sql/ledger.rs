//! The life of a charge. Every transaction locks the account's row first.

use async_trait::async_trait;
use sqlx::{FromRow, Transaction};

use super::{
    Backend, Db, Result, account_columns,
    projection::{self, lock_account},
};
use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    plans::Plans,
    store::{
        Account, Charge, Committed, Grant, Hold, Ledger, Reserved, Snapshot, StoreError, UsageKind,
        charge::REPEAT_SECONDS,
    },
    window::{CalendarMonth, Window},
};

type Tx = Transaction<'static, Db>;

/// An id alone.
#[derive(FromRow)]
struct IdRow {
    #[sqlx(try_from = "String")]
    id: AccountId,
}

/// A row of the ledger.
#[derive(FromRow)]
struct Row {
    operation_id: String,
    #[sqlx(try_from = "String")]
    account_id: AccountId,
    #[sqlx(try_from = "String")]
    kind: UsageKind,
    included: i64,
    prepaid: i64,
    window_start: i64,
    window_end: i64,
    month: i64,
    state: String,
    repeat_of: Option<Vec<u8>>,
    reserved_at: i64,
}

macro_rules! row_columns {
    () => {
        "operation_id, account_id, kind, included, prepaid, window_start, window_end, month, state, \
         repeat_of, reserved_at"
    };
}

impl Row {
    fn charge(&self) -> Charge {
        Charge { included: self.included, prepaid: self.prepaid }
    }

    fn is_open(&self) -> bool {
        self.state == "reserved"
    }

    fn is_charged(&self) -> bool {
        self.state == "committed"
    }

    /// What it has charged so far.
    fn charged(&self) -> u32 {
        if self.is_charged() { self.charge().total() } else { 0 }
    }
}

#[async_trait]
impl Ledger for Backend {
    async fn reserve(&self, hold: &Hold, plans: &Plans) -> Result<Reserved> {
        let mut tx = self.begin_hold().await?;
        let account = lock_account(&mut tx, hold.account).await?.ok_or(StoreError::UnknownAccount)?;
        if let Some(row) = find(&mut tx, &hold.operation).await? {
            let own = row.account_id == hold.account;
            return if own { Ok(Reserved::Held(row.charge().total())) } else { Err(StoreError::ForeignOperation) };
        }
        let twins = twins(&mut tx, hold.account, hold.repeat_of.as_ref().map(|d| d.as_slice()), hold.now.seconds()).await?;
        let window = plans.standing(&account, hold.now).window;
        if twins.iter().any(Row::is_charged) {
            insert(&mut tx, hold, Charge::NONE, window).await?;
            tx.commit().await?;
            return Ok(Reserved::Held(0));
        }
        if let Some(holder) = twins.iter().find(|twin| twin.is_open() && twin.charge() != Charge::NONE) {
            // The twin's hold stands for both; whichever ends well is charged.
            let credits = holder.charge().total();
            insert(&mut tx, hold, Charge::NONE, window).await?;
            tx.commit().await?;
            return Ok(Reserved::Held(credits));
        }
        let Some(charge) = afford(&mut tx, &account, hold, plans).await? else {
            return Ok(Reserved::OutOfCredits { until: window.end });
        };
        insert(&mut tx, hold, charge, window).await?;
        move_hold(&mut tx, hold.account, window, charge, 1).await?;
        tx.commit().await?;
        Ok(Reserved::Held(charge.total()))
    }

    async fn commit(&self, operation: &OperationId, now: Moment) -> Result<Committed> {
        let mut tx = self.begin().await?;
        let Some(row) = lock_operation(&mut tx, operation).await? else { return Ok(Committed::Unknown) };
        if !row.is_open() {
            return Ok(Committed::Settled(row.charged()));
        }
        let row = take_over(&mut tx, row).await?;
        resolve(&mut tx, &row, "committed", now).await?;
        if row.charge() == Charge::NONE {
            tx.commit().await?;
            return Ok(Committed::Settled(0));
        }
        let change = projection::count(&mut tx, &row.counted()).await?;
        tx.commit().await?;
        Ok(Committed::Charged(row.charge().total(), Box::new(change)))
    }

    async fn release(&self, operation: &OperationId, now: Moment) -> Result<()> {
        let mut tx = self.begin_hold().await?;
        let Some(row) = lock_operation(&mut tx, operation).await?.filter(Row::is_open) else { return Ok(()) };
        resolve(&mut tx, &row, "released", now).await?;
        if row.charge() != Charge::NONE && !hand_over(&mut tx, &row).await? {
            let window = Window { start: row.window_start, end: row.window_end, synced: false };
            move_hold(&mut tx, row.account_id, window, row.charge(), -1).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn stale(&self, before: Moment, limit: i64) -> Result<Vec<OperationId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT operation_id FROM ledger WHERE state = 'reserved' AND reserved_at < $1 \
             ORDER BY reserved_at LIMIT $2",
        )
        .bind(before.seconds())
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    async fn snapshot(&self, account: AccountId) -> Result<Option<Snapshot>> {
        let mut tx = self.begin().await?;
        let snapshot = projection::whole(&mut tx, account).await?;
        tx.commit().await?;
        Ok(snapshot)
    }

    async fn grant(&self, grant: &Grant) -> Result<bool> {
        let mut tx = self.begin().await?;
        lock_account(&mut tx, grant.account).await?.ok_or(StoreError::UnknownAccount)?;
        let inserted = sqlx::query(
            "INSERT INTO prepaid_grants (id, account_id, credits, source, granted_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(&grant.id)
        .bind(grant.account.to_string())
        .bind(i64::from(grant.credits))
        .bind(grant.source)
        .bind(grant.now.seconds())
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE accounts SET prepaid = prepaid + $2, version = version + 1 WHERE id = $1")
            .bind(grant.account.to_string())
            .bind(i64::from(grant.credits))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn set_plan(&self, account: AccountId, plan: &str) -> Result<()> {
        sqlx::query("UPDATE accounts SET plan = $2, version = version + 1 WHERE id = $1")
            .bind(account.to_string())
            .bind(plan)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    async fn end_lapsed(&self, default_plan: &str, now: Moment) -> Result<Vec<AccountId>> {
        let rows: Vec<IdRow> = sqlx::query_as(
            "UPDATE accounts SET plan = $1, period_start = NULL, period_end = NULL, closes = FALSE, \
             version = version + 1 WHERE closes AND period_end <= $2 RETURNING id",
        )
        .bind(default_plan)
        .bind(now.seconds())
        .fetch_all(self.writer())
        .await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }
}

impl Row {
    fn counted(&self) -> projection::Counted {
        projection::Counted {
            account: self.account_id,
            kind: self.kind,
            charge: self.charge(),
            window_start: self.window_start,
            window_end: self.window_end,
            month: self.month,
        }
    }
}

async fn find(tx: &mut Tx, operation: &OperationId) -> Result<Option<Row>> {
    let row = sqlx::query_as(concat!("SELECT ", row_columns!(), " FROM ledger WHERE operation_id = $1"))
        .bind(operation.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row)
}

/// Locks the account of an operation, then reads the operation: what it says is
/// what it says until the transaction ends.
async fn lock_operation(tx: &mut Tx, operation: &OperationId) -> Result<Option<Row>> {
    let account: Option<Account> = sqlx::query_as(locking!(
        "SELECT ",
        account_columns!(),
        " FROM accounts WHERE accounts.id = (SELECT account_id FROM ledger WHERE operation_id = $1)"
    ))
    .bind(operation.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    if account.is_none() { Ok(None) } else { find(tx, operation).await }
}

/// The other operations of the same Idempotency-Key and request, within its
/// time.
async fn twins(tx: &mut Tx, account: AccountId, repeat_of: Option<&[u8]>, at: i64) -> Result<Vec<Row>> {
    let Some(repeat_of) = repeat_of else { return Ok(Vec::new()) };
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        row_columns!(),
        " FROM ledger WHERE account_id = $1 AND repeat_of = $2 AND reserved_at > $3"
    ))
    .bind(account.to_string())
    .bind(repeat_of)
    .bind(at - REPEAT_SECONDS)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

async fn afford(tx: &mut Tx, account: &Account, hold: &Hold, plans: &Plans) -> Result<Option<Charge>> {
    let standing = plans.standing(account, hold.now);
    let gone: Option<i64> = sqlx::query_scalar(
        "SELECT app + api + held FROM cycle_usage WHERE account_id = $1 AND window_start = $2",
    )
    .bind(account.id.to_string())
    .bind(standing.window.start)
    .fetch_optional(&mut **tx)
    .await?;
    let included_left = i64::from(standing.plan.credits) - gone.unwrap_or(0);
    Ok(Charge::split(hold.credits, included_left, account.prepaid - account.prepaid_held))
}

async fn insert(tx: &mut Tx, hold: &Hold, charge: Charge, window: Window) -> Result<()> {
    sqlx::query(
        "INSERT INTO ledger (operation_id, account_id, kind, included, prepaid, window_start, \
         window_end, month, state, repeat_of, reserved_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'reserved', $9, $10)",
    )
    .bind(hold.operation.as_str())
    .bind(hold.account.to_string())
    .bind(hold.kind.name())
    .bind(charge.included)
    .bind(charge.prepaid)
    .bind(window.start)
    .bind(window.end)
    .bind(CalendarMonth::of(hold.now).number())
    .bind(hold.repeat_of.as_ref().map(|digest| digest.as_slice()))
    .bind(hold.now.seconds())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds a charge to what is held (`sign` 1) or takes it off (−1).
async fn move_hold(tx: &mut Tx, account: AccountId, window: Window, charge: Charge, sign: i64) -> Result<()> {
    if charge.included != 0 {
        sqlx::query(
            "INSERT INTO cycle_usage (account_id, window_start, window_end, held) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account_id, window_start) DO UPDATE SET held = cycle_usage.held + excluded.held",
        )
        .bind(account.to_string())
        .bind(window.start)
        .bind(window.end)
        .bind(sign * charge.included)
        .execute(&mut **tx)
        .await?;
    }
    if charge.prepaid != 0 {
        sqlx::query("UPDATE accounts SET prepaid_held = prepaid_held + $2 WHERE id = $1")
            .bind(account.to_string())
            .bind(sign * charge.prepaid)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

async fn resolve(tx: &mut Tx, row: &Row, state: &str, now: Moment) -> Result<()> {
    sqlx::query("UPDATE ledger SET state = $2, resolved_at = $3 WHERE operation_id = $1")
        .bind(&row.operation_id)
        .bind(state)
        .bind(now.seconds())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Before a commit: where a twin holds what both will cost, takes it. Where a
/// twin was charged already, the row costs nothing and stays as it is.
async fn take_over(tx: &mut Tx, row: Row) -> Result<Row> {
    if row.charge() != Charge::NONE {
        return Ok(row);
    }
    let twins = twins(tx, row.account_id, row.repeat_of.as_deref(), row.reserved_at).await?;
    match twins.into_iter().find(|twin| twin.is_open() && twin.charge() != Charge::NONE) {
        Some(holder) => transfer(tx, &holder, row).await,
        None => Ok(row),
    }
}

/// After a release: where a twin is still at work, leaves it the hold.
async fn hand_over(tx: &mut Tx, row: &Row) -> Result<bool> {
    let twins = twins(tx, row.account_id, row.repeat_of.as_deref(), row.reserved_at).await?;
    let heir = twins.into_iter().find(|twin| twin.is_open() && twin.operation_id != row.operation_id);
    let Some(heir) = heir else { return Ok(false) };
    transfer(tx, row, heir).await?;
    Ok(true)
}

/// Moves a hold, with the window and month that it counts in, from one row to
/// another; what is held in all stays the same.
async fn transfer(tx: &mut Tx, from: &Row, mut to: Row) -> Result<Row> {
    (to.included, to.prepaid) = (from.included, from.prepaid);
    (to.window_start, to.window_end, to.month) = (from.window_start, from.window_end, from.month);
    sqlx::query(
        "UPDATE ledger SET included = $2, prepaid = $3, window_start = $4, window_end = $5, month = $6 \
         WHERE operation_id = $1",
    )
    .bind(&to.operation_id)
    .bind(to.included)
    .bind(to.prepaid)
    .bind(to.window_start)
    .bind(to.window_end)
    .bind(to.month)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE ledger SET included = 0, prepaid = 0 WHERE operation_id = $1")
        .bind(&from.operation_id)
        .execute(&mut **tx)
        .await?;
    Ok(to)
}
