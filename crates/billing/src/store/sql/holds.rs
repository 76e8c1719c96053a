//! Rows of the ledger and the holds that they share: operations of one
//! Idempotency-Key and request are twins, of which at most one holds what all
//! of them will cost, and at most one is charged.

use sqlx::{FromRow, Transaction};

use super::{Db, Result, projection};
use crate::{
    clock::Moment,
    identity::{AccountId, OperationId},
    store::{Charge, Hold, UsageKind, charge::REPEAT_SECONDS},
    window::Window,
};

type Tx = Transaction<'static, Db>;

/// A row of the ledger.
#[derive(FromRow)]
pub(super) struct Row {
    operation_id: String,
    #[sqlx(try_from = "String")]
    pub(super) account_id: AccountId,
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
    pub(super) fn charge(&self) -> Charge {
        Charge { included: self.included, prepaid: self.prepaid }
    }

    fn is_open(&self) -> bool {
        self.state == "reserved"
    }

    fn is_charged(&self) -> bool {
        self.state == "committed"
    }

    /// Whether it is open and holds credits.
    fn holds(&self) -> bool {
        self.is_open() && self.charge() != Charge::NONE
    }

    /// What it has charged so far.
    pub(super) fn charged(&self) -> u32 {
        if self.is_charged() { self.charge().total() } else { 0 }
    }

    pub(super) fn window(&self) -> Window {
        Window { start: self.window_start, end: self.window_end, synced: false }
    }

    /// On its way from held to used.
    pub(super) fn counted(&self) -> projection::Counted {
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

/// An operation's row.
pub(super) async fn find(tx: &mut Tx, operation: &OperationId) -> Result<Option<Row>> {
    let row =
        sqlx::query_as(concat!("SELECT ", row_columns!(), " FROM ledger WHERE operation_id = $1"))
            .bind(operation.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row)
}

/// Ends an open operation, and returns its row; `None` where it is not open.
pub(super) async fn resolve(
    tx: &mut Tx,
    operation: &OperationId,
    state: &str,
    now: Moment,
) -> Result<Option<Row>> {
    let row = sqlx::query_as(concat!(
        "UPDATE ledger SET state = $2, resolved_at = $3 \
         WHERE operation_id = $1 AND state = 'reserved' RETURNING ",
        row_columns!()
    ))
    .bind(operation.as_str())
    .bind(state)
    .bind(now.seconds())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

/// What a new operation will be told to cost where a twin has been charged, or
/// holds what both will cost; `None` where it must hold credits itself.
pub(super) async fn shared_cost(tx: &mut Tx, hold: &Hold) -> Result<Option<u32>> {
    let repeat_of = hold.repeat_of.as_ref().map(|digest| digest.as_slice());
    let twins = twins(tx, hold.account, repeat_of, hold.now.seconds()).await?;
    if twins.iter().any(Row::is_charged) {
        return Ok(Some(0));
    }
    Ok(twins.iter().find(|twin| twin.holds()).map(|twin| twin.charge().total()))
}

/// The other operations of the same Idempotency-Key and request, within its
/// time.
async fn twins(
    tx: &mut Tx,
    account: AccountId,
    repeat_of: Option<&[u8]>,
    at: i64,
) -> Result<Vec<Row>> {
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

/// Before a commit: where a twin holds what both will cost, takes it. Where a
/// twin was charged already, the row costs nothing and stays as it is.
pub(super) async fn take_over(tx: &mut Tx, row: Row) -> Result<Row> {
    if row.charge() != Charge::NONE {
        return Ok(row);
    }
    let twins = twins(tx, row.account_id, row.repeat_of.as_deref(), row.reserved_at).await?;
    match twins.into_iter().find(|twin| twin.holds()) {
        Some(holder) => transfer(tx, &holder, row).await,
        None => Ok(row),
    }
}

/// After a release: where a twin is still at work, leaves it the hold.
pub(super) async fn hand_over(tx: &mut Tx, row: &Row) -> Result<bool> {
    let twins = twins(tx, row.account_id, row.repeat_of.as_deref(), row.reserved_at).await?;
    let heir =
        twins.into_iter().find(|twin| twin.is_open() && twin.operation_id != row.operation_id);
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
