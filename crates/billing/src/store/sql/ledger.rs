//! The life of a charge. Every transaction locks the account's row first.

use async_trait::async_trait;
use sqlx::{FromRow, Transaction};

use super::{
    Backend, Db, Result, holds,
    projection::{self, lock_account},
};
use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    plans::{Plans, Standing},
    store::{Charge, Committed, Grant, Hold, Ledger, Reserved, Snapshot, StoreError},
    window::{CalendarMonth, Window},
};

type Tx = Transaction<'static, Db>;

/// An id alone.
#[derive(FromRow)]
struct IdRow {
    #[sqlx(try_from = "String")]
    id: AccountId,
}

/// What deciding on a hold needs to see.
#[derive(FromRow)]
struct Look {
    /// Included credits of the window that are used or held.
    gone: Option<i64>,
    /// Whether the operation has a row already.
    known: i64,
}

#[async_trait]
impl Ledger for Backend {
    async fn reserve(&self, hold: &Hold, plans: &Plans) -> Result<Reserved> {
        let mut tx = self.begin_hold().await?;
        let account =
            lock_account(&mut tx, hold.account).await?.ok_or(StoreError::UnknownAccount)?;
        let Standing { plan, window } = plans.standing(&account, hold.now);
        let look = look(&mut tx, hold, window).await?;
        if look.known > 0 {
            return repeated(&mut tx, hold).await;
        }
        let (charge, told) = if let Some(told) = holds::shared_cost(&mut tx, hold).await? {
            (Charge::NONE, told)
        } else {
            let included_left = i64::from(plan.credits) - look.gone.unwrap_or(0);
            let prepaid_left = account.prepaid - account.prepaid_held;
            match Charge::split(hold.credits, included_left, prepaid_left) {
                Some(charge) => (charge, charge.total()),
                None => return Ok(Reserved::OutOfCredits { until: window.end }),
            }
        };
        insert(&mut tx, hold, charge, window).await?;
        move_hold(&mut tx, hold.account, window, charge, 1).await?;
        tx.commit().await?;
        Ok(Reserved::Held(told))
    }

    async fn commit(&self, operation: &OperationId, now: Moment) -> Result<Committed> {
        let mut tx = self.begin().await?;
        if !lock_account_of(&mut tx, operation).await? {
            return Ok(Committed::Unknown);
        }
        let Some(row) = holds::resolve(&mut tx, operation, "committed", now).await? else {
            let row = holds::find(&mut tx, operation).await?;
            return Ok(row.map_or(Committed::Unknown, |row| Committed::Settled(row.charged())));
        };
        let row = holds::take_over(&mut tx, row).await?;
        if row.charge() == Charge::NONE {
            tx.commit().await?;
            return Ok(Committed::Settled(0));
        }
        let change = projection::count(&mut tx, &row.counted()).await?;
        tx.commit().await?;
        Ok(Committed::Charged(row.charge().total(), Box::new(change)))
    }

    async fn release(&self, operation: &OperationId, now: Moment) -> Result<bool> {
        let mut tx = self.begin_hold().await?;
        if !lock_account_of(&mut tx, operation).await? {
            return Ok(false);
        }
        let Some(row) = holds::resolve(&mut tx, operation, "released", now).await? else {
            return Ok(true);
        };
        if row.charge() != Charge::NONE && !holds::hand_over(&mut tx, &row).await? {
            move_hold(&mut tx, row.account_id, row.window(), row.charge(), -1).await?;
        }
        tx.commit().await?;
        Ok(true)
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
        sqlx::query(
            "UPDATE accounts SET prepaid = prepaid + $2, version = version + 1 WHERE id = $1",
        )
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

/// Locks the account of an operation; `false` where there is no such operation.
async fn lock_account_of(tx: &mut Tx, operation: &OperationId) -> Result<bool> {
    let account: Option<String> = sqlx::query_scalar(locking!(
        "SELECT id FROM accounts \
         WHERE id = (SELECT account_id FROM ledger WHERE operation_id = $1)"
    ))
    .bind(operation.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(account.is_some())
}

async fn look(tx: &mut Tx, hold: &Hold, window: Window) -> Result<Look> {
    let look = sqlx::query_as(
        "SELECT (SELECT app + api + held FROM cycle_usage \
         WHERE account_id = $1 AND window_start = $2) AS gone, \
         (SELECT COUNT(*) FROM ledger WHERE operation_id = $3) AS known",
    )
    .bind(hold.account.to_string())
    .bind(window.start)
    .bind(hold.operation.as_str())
    .fetch_one(&mut **tx)
    .await?;
    Ok(look)
}

/// The answer to an operation that was reserved before.
async fn repeated(tx: &mut Tx, hold: &Hold) -> Result<Reserved> {
    let row = holds::find(tx, &hold.operation).await?;
    let own = row.filter(|row| row.account_id == hold.account);
    own.map(|row| Reserved::Held(row.charge().total())).ok_or(StoreError::ForeignOperation)
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
async fn move_hold(
    tx: &mut Tx,
    account: AccountId,
    window: Window,
    charge: Charge,
    sign: i64,
) -> Result<()> {
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
