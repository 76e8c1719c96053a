//! Subscriptions, told by events of their own and by their invoices, and the
//! plan and window that follow from them.

use sqlx::{FromRow, Transaction};

use super::{Db, Result, projection::lock_account, stripe::lock_customer};
use crate::{
    identity::AccountId,
    plans::Plans,
    stripe::{Invoice, Subscription},
};

type Tx = Transaction<'static, Db>;

const CANCELED: &str = "canceled";

#[derive(FromRow)]
struct SubscriptionRow {
    customer_id: String,
    status: String,
    price: String,
    period_start: i64,
    period_end: i64,
    closes: bool,
    told_at: i64,
    invoiced_at: i64,
}

async fn find_subscription(tx: &mut Tx, id: &str) -> Result<Option<SubscriptionRow>> {
    let row = sqlx::query_as(
        "SELECT customer_id, status, price, period_start, period_end, closes, told_at, invoiced_at \
         FROM stripe_subscriptions WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

async fn put_subscription(tx: &mut Tx, id: &str, row: &SubscriptionRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO stripe_subscriptions \
         (id, customer_id, status, price, period_start, period_end, closes, told_at, invoiced_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET \
         status = excluded.status, price = excluded.price, period_start = excluded.period_start, \
         period_end = excluded.period_end, closes = excluded.closes, told_at = excluded.told_at, \
         invoiced_at = excluded.invoiced_at",
    )
    .bind(id)
    .bind(&row.customer_id)
    .bind(&row.status)
    .bind(&row.price)
    .bind(row.period_start)
    .bind(row.period_end)
    .bind(row.closes)
    .bind(row.told_at)
    .bind(row.invoiced_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Locks the customer, and tells whether what is known of the subscription is of
/// the same second.
pub(super) async fn is_ambiguous(tx: &mut Tx, told: &Subscription, created: i64) -> Result<bool> {
    lock_customer(tx, &told.customer).await?;
    Ok(find_subscription(tx, &told.id).await?.is_some_and(|row| row.told_at == created))
}

/// Takes a subscription's own word, unless something later has spoken.
pub(super) async fn book_subscription(
    tx: &mut Tx,
    told: &Subscription,
    created: i64,
    plans: &Plans,
) -> Result<Option<AccountId>> {
    let account = lock_customer(tx, &told.customer).await?;
    let known = find_subscription(tx, &told.id).await?;
    let over = known.as_ref().is_some_and(|row| row.status == CANCELED);
    let late = known.as_ref().is_some_and(|row| row.told_at > created) && told.status != CANCELED;
    if over || late {
        return Ok(None);
    }
    // A window never goes back, whatever is told late.
    let before = known.as_ref().map(|row| (row.period_start, row.period_end));
    let (period_start, period_end) =
        before.filter(|(start, _)| *start > told.period.0).unwrap_or(told.period);
    let row = SubscriptionRow {
        customer_id: told.customer.clone(),
        status: told.status.clone(),
        price: told.price.clone(),
        period_start,
        period_end,
        closes: told.closes,
        told_at: created.max(known.as_ref().map_or(0, |row| row.told_at)),
        invoiced_at: known.as_ref().map_or(0, |row| row.invoiced_at),
    };
    put_subscription(tx, &told.id, &row).await?;
    follow(tx, account, plans).await
}

/// Takes an invoice's word about its subscription.
pub(super) async fn book_invoice(
    tx: &mut Tx,
    invoice: &Invoice,
    created: i64,
    plans: &Plans,
) -> Result<Option<AccountId>> {
    let account = lock_customer(tx, &invoice.customer).await?;
    let row = match find_subscription(tx, &invoice.subscription).await? {
        Some(row) => row,
        // Told before the subscription itself, whose own word will replace it.
        None => match &invoice.period {
            Some((start, end, price)) => SubscriptionRow {
                customer_id: invoice.customer.clone(),
                status: "active".to_owned(),
                price: price.clone(),
                period_start: *start,
                period_end: *end,
                closes: false,
                told_at: 0,
                invoiced_at: created,
            },
            None => return Ok(None),
        },
    };
    if row.status == CANCELED {
        return Ok(None);
    }
    put_subscription(tx, &invoice.subscription, &invoiced(row, invoice, created)).await?;
    follow(tx, account, plans).await
}

/// What an invoice says of its subscription: a new period where it begins one,
/// and whether payment is due, unless something later has spoken.
fn invoiced(mut row: SubscriptionRow, invoice: &Invoice, created: i64) -> SubscriptionRow {
    if let Some((start, end, _)) = invoice.period
        && start > row.period_start
    {
        (row.period_start, row.period_end) = (start, end);
    }
    if created >= row.told_at && created >= row.invoiced_at {
        row.invoiced_at = created;
        let status = match (row.status.as_str(), invoice.paid) {
            ("incomplete" | "past_due" | "unpaid", true) => "active",
            ("active", false) => "past_due",
            (status, _) => status,
        };
        row.status = status.to_owned();
    }
    row
}

async fn follow(
    tx: &mut Tx,
    account: Option<AccountId>,
    plans: &Plans,
) -> Result<Option<AccountId>> {
    if let Some(account) = account {
        lock_account(tx, account).await?;
        follow_subscriptions(tx, account, plans).await?;
    }
    Ok(account)
}

/// Sets an account's plan and window by its subscriptions: the best live one,
/// or the default plan where there were some and none lives.
pub(super) async fn follow_subscriptions(
    tx: &mut Tx,
    account: AccountId,
    plans: &Plans,
) -> Result<()> {
    let rows: Vec<SubscriptionRow> = sqlx::query_as(
        "SELECT s.customer_id, s.status, s.price, s.period_start, s.period_end, s.closes, s.told_at, \
         s.invoiced_at FROM stripe_subscriptions AS s JOIN stripe_customers AS c ON c.id = s.customer_id \
         WHERE c.account_id = $1 ORDER BY s.id",
    )
    .bind(account.to_string())
    .fetch_all(&mut **tx)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let live =
        rows.iter().filter(|row| matches!(row.status.as_str(), "active" | "trialing" | "past_due"));
    let planned = live.filter_map(|row| {
        let plan = plans.plan_of_price(&row.price);
        if plan.is_none() {
            tracing::error!(%account, price = row.price, "a subscription is to a price that no plan has");
        }
        plan.map(|plan| (plan, row))
    });
    let best = planned.max_by_key(|(plan, row)| (plan.credits, row.period_start));
    let plan = best.map_or(plans.default_plan(), |(plan, _)| plan);
    sqlx::query(
        "UPDATE accounts SET plan = $2, period_start = $3, period_end = $4, closes = $5, \
         version = version + 1 WHERE id = $1",
    )
    .bind(account.to_string())
    .bind(&plan.name)
    .bind(best.map(|(_, row)| row.period_start))
    .bind(best.map(|(_, row)| row.period_end))
    .bind(best.is_some_and(|(_, row)| row.closes))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
