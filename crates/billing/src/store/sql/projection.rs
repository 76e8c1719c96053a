//! What the counters must learn: after one charge what it changed, or an
//! account as a whole, added up from the ledger's rows.

use sqlx::Transaction;

use super::{Db, Result, account_columns};
use crate::{
    identity::AccountId,
    store::{Account, Charge, CycleUsage, MonthUsage, Snapshot, UsageKind},
};

type Tx = Transaction<'static, Db>;

/// A charge on its way from held to used.
pub(super) struct Counted {
    pub(super) account: AccountId,
    pub(super) kind: UsageKind,
    pub(super) charge: Charge,
    pub(super) window_start: i64,
    pub(super) window_end: i64,
    pub(super) month: i64,
}

/// Locks an account against every other change.
pub(super) async fn lock_account(tx: &mut Tx, id: AccountId) -> Result<Option<Account>> {
    let account = sqlx::query_as(locking!(
        "SELECT ",
        account_columns!(),
        " FROM accounts WHERE accounts.id = $1"
    ))
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(account)
}

/// Moves a charge from held to used, and returns the new sums.
pub(super) async fn count(tx: &mut Tx, counted: &Counted) -> Result<Snapshot> {
    let account: Account = sqlx::query_as(concat!(
        "UPDATE accounts SET prepaid = prepaid - $2, prepaid_held = prepaid_held - $2, \
         version = version + 1 WHERE id = $1 RETURNING ",
        account_columns!()
    ))
    .bind(counted.account.to_string())
    .bind(counted.charge.prepaid)
    .fetch_one(&mut **tx)
    .await?;
    if counted.charge.included == 0 {
        return Ok(Snapshot { account, cycles: Vec::new(), months: Vec::new() });
    }
    let cycle = count_cycle(tx, counted).await?;
    let month = count_month(tx, counted).await?;
    Ok(Snapshot { account, cycles: vec![cycle], months: vec![month] })
}

async fn count_cycle(tx: &mut Tx, counted: &Counted) -> Result<CycleUsage> {
    let (app, api) = counted.kind.spread(counted.charge.included);
    let cycle = sqlx::query_as(
        "INSERT INTO cycle_usage (account_id, window_start, window_end, app, api, held) \
         VALUES ($1, $2, $3, $4, $5, -($4 + $5)) \
         ON CONFLICT (account_id, window_start) DO UPDATE SET app = cycle_usage.app + excluded.app, \
         api = cycle_usage.api + excluded.api, held = cycle_usage.held + excluded.held, \
         window_end = CASE WHEN excluded.window_end > cycle_usage.window_end \
         THEN excluded.window_end ELSE cycle_usage.window_end END \
         RETURNING window_start, window_end, app, api",
    )
    .bind(counted.account.to_string())
    .bind(counted.window_start)
    .bind(counted.window_end)
    .bind(app)
    .bind(api)
    .fetch_one(&mut **tx)
    .await?;
    Ok(cycle)
}

async fn count_month(tx: &mut Tx, counted: &Counted) -> Result<MonthUsage> {
    let (app, api) = counted.kind.spread(counted.charge.included);
    let month = sqlx::query_as(
        "INSERT INTO month_usage (account_id, month, app, api) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id, month) DO UPDATE SET app = month_usage.app + excluded.app, \
         api = month_usage.api + excluded.api RETURNING month, app, api",
    )
    .bind(counted.account.to_string())
    .bind(counted.month)
    .bind(app)
    .bind(api)
    .fetch_one(&mut **tx)
    .await?;
    Ok(month)
}

/// An account with everything that the ledger says of it.
pub(super) async fn whole(tx: &mut Tx, id: AccountId) -> Result<Option<Snapshot>> {
    let Some(account) = lock_account(tx, id).await? else { return Ok(None) };
    let cycles = sqlx::query_as(
        "SELECT window_start, MAX(window_end) AS window_end, \
         CAST(SUM(CASE kind WHEN 'app' THEN included ELSE 0 END) AS BIGINT) AS app, \
         CAST(SUM(CASE kind WHEN 'api' THEN included ELSE 0 END) AS BIGINT) AS api \
         FROM ledger WHERE account_id = $1 AND state = 'committed' AND included > 0 \
         GROUP BY window_start ORDER BY window_start",
    )
    .bind(id.to_string())
    .fetch_all(&mut **tx)
    .await?;
    let months = sqlx::query_as(
        "SELECT month, CAST(SUM(CASE kind WHEN 'app' THEN included ELSE 0 END) AS BIGINT) AS app, \
         CAST(SUM(CASE kind WHEN 'api' THEN included ELSE 0 END) AS BIGINT) AS api \
         FROM ledger WHERE account_id = $1 AND state = 'committed' AND included > 0 \
         GROUP BY month ORDER BY month",
    )
    .bind(id.to_string())
    .fetch_all(&mut **tx)
    .await?;
    Ok(Some(Snapshot { account, cycles, months }))
}
