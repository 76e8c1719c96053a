//! Packs paid for and paid back. A payment and its refund may be told in either
//! order; both wait for each other on the payment's row.

use sqlx::{FromRow, Transaction};

use super::{Db, Result};
use crate::{
    clock::Moment,
    identity::AccountId,
    plans::{Pack, Plans},
    store::StoreError,
    stripe::{Checkout, Payment, Refund},
};

type Tx = Transaction<'static, Db>;

#[derive(FromRow)]
struct PaymentRow {
    grant_id: Option<String>,
    amount: i64,
    refunded: i64,
}

#[derive(FromRow)]
struct GrantRow {
    #[sqlx(try_from = "String")]
    account_id: AccountId,
    credits: i64,
    reversed: i64,
}

/// Grants what a paid checkout bought, less what was paid back already.
pub(super) async fn book_payment(
    tx: &mut Tx,
    checkout: &Checkout,
    payment: &Payment,
    account: AccountId,
    plans: &Plans,
    now: Moment,
) -> Result<()> {
    let Some(name) = payment.pack.as_deref() else {
        tracing::error!(session = checkout.id, "a paid checkout is for no pack of ours");
        return Ok(());
    };
    // Not booked, so that Stripe tells it again until the plans file has it.
    let pack = plans.pack(name).ok_or_else(|| {
        tracing::error!(session = checkout.id, pack = name, "a pack was paid that is not on offer");
        StoreError::UnknownPack
    })?;
    let grant = format!("stripe:{}", checkout.id);
    if !insert_grant(tx, &grant, account, pack, now).await? {
        return Ok(());
    }
    let Some(intent) = &payment.intent else { return Ok(()) };
    let row = lock_payment(tx, intent).await?;
    sqlx::query("UPDATE stripe_payments SET grant_id = $2, amount = $3 WHERE intent = $1")
        .bind(intent)
        .bind(&grant)
        .bind(payment.amount)
        .execute(&mut **tx)
        .await?;
    reverse(tx, &grant, payment.amount, row.refunded).await.map(drop)
}

async fn insert_grant(
    tx: &mut Tx,
    id: &str,
    account: AccountId,
    pack: &Pack,
    now: Moment,
) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO prepaid_grants (id, account_id, credits, source, granted_at) \
         VALUES ($1, $2, $3, 'stripe', $4) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(account.to_string())
    .bind(i64::from(pack.credits))
    .bind(now.seconds())
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    add_prepaid(tx, account, i64::from(pack.credits)).await?;
    Ok(true)
}

async fn add_prepaid(tx: &mut Tx, account: AccountId, credits: i64) -> Result<()> {
    sqlx::query("UPDATE accounts SET prepaid = prepaid + $2, version = version + 1 WHERE id = $1")
        .bind(account.to_string())
        .bind(credits)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn lock_payment(tx: &mut Tx, intent: &str) -> Result<PaymentRow> {
    let row = sqlx::query_as(
        "INSERT INTO stripe_payments (intent) VALUES ($1) \
         ON CONFLICT (intent) DO UPDATE SET intent = excluded.intent RETURNING grant_id, amount, refunded",
    )
    .bind(intent)
    .fetch_one(&mut **tx)
    .await?;
    Ok(row)
}

/// Notes how much of a payment was paid back.
pub(super) async fn book_refund(tx: &mut Tx, refund: &Refund) -> Result<Option<AccountId>> {
    let row = lock_payment(tx, &refund.intent).await?;
    let refunded = refund.refunded.max(row.refunded);
    sqlx::query("UPDATE stripe_payments SET refunded = $2 WHERE intent = $1")
        .bind(&refund.intent)
        .bind(refunded)
        .execute(&mut **tx)
        .await?;
    match &row.grant_id {
        Some(grant) => reverse(tx, grant, row.amount.max(refund.amount), refunded).await,
        None => Ok(None),
    }
}

/// Takes back the part of a grant's credits that was paid back in money.
async fn reverse(
    tx: &mut Tx,
    grant: &str,
    amount: i64,
    refunded: i64,
) -> Result<Option<AccountId>> {
    let row: GrantRow =
        sqlx::query_as("SELECT account_id, credits, reversed FROM prepaid_grants WHERE id = $1")
            .bind(grant)
            .fetch_one(&mut **tx)
            .await?;
    let due = if amount > 0 { row.credits * refunded.min(amount) / amount } else { 0 };
    let more = due - row.reversed;
    if more <= 0 {
        return Ok(None);
    }
    sqlx::query("UPDATE prepaid_grants SET reversed = $2 WHERE id = $1")
        .bind(grant)
        .bind(due)
        .execute(&mut **tx)
        .await?;
    add_prepaid(tx, row.account_id, -more).await?;
    Ok(Some(row.account_id))
}
