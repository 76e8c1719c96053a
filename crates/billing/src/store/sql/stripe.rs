//! What Stripe told. Everything that an event changes changes with the row of
//! the event itself. Events of one customer, and of one payment, wait for each
//! other on the row of that customer or payment.

use async_trait::async_trait;
use sqlx::{FromRow, Transaction};

use super::{Backend, Db, Result, projection::lock_account};
use crate::{
    clock::Moment,
    identity::AccountId,
    plans::{Pack, Plans},
    store::{Booking, StripeBook},
    stripe::{Checkout, Effect, Event, Invoice, Payment, Refund, Subscription},
};

type Tx = Transaction<'static, Db>;

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

const CANCELED: &str = "canceled";

#[async_trait]
impl StripeBook for Backend {
    async fn apply_event(&self, event: &Event, payload: &[u8], plans: &Plans, now: Moment) -> Result<Booking> {
        let mut tx = self.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO stripe_events (id, kind, created, received_at, payload) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&event.id)
        .bind(&event.kind)
        .bind(event.created)
        .bind(now.seconds())
        .bind(payload)
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Booking::Known);
        }
        let changed = match &event.effect {
            Effect::Checkout(checkout) => book_checkout(&mut tx, checkout, plans, now).await?,
            Effect::Subscription(told) => book_subscription(&mut tx, told, event.created, plans).await?,
            Effect::Invoice(invoice) => book_invoice(&mut tx, invoice, event.created, plans).await?,
            Effect::Refund(refund) => book_refund(&mut tx, refund).await?,
            Effect::Nothing => None,
        };
        tx.commit().await?;
        Ok(Booking::Applied(changed))
    }

    async fn event_is_known(&self, id: &str) -> Result<bool> {
        let known: Option<i64> = sqlx::query_scalar("SELECT created FROM stripe_events WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        Ok(known.is_some())
    }

    async fn subscription_told_at(&self, id: &str) -> Result<Option<i64>> {
        let told = sqlx::query_scalar("SELECT told_at FROM stripe_subscriptions WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        Ok(told)
    }

    async fn customer_of(&self, account: AccountId) -> Result<Option<String>> {
        let id = sqlx::query_scalar("SELECT id FROM stripe_customers WHERE account_id = $1 ORDER BY id LIMIT 1")
            .bind(account.to_string())
            .fetch_optional(self.reader())
            .await?;
        Ok(id)
    }

    async fn is_subscribed(&self, account: AccountId) -> Result<bool> {
        let live: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM stripe_subscriptions AS s JOIN stripe_customers AS c ON c.id = s.customer_id \
             WHERE c.account_id = $1 AND s.status IN ('active', 'trialing', 'past_due')",
        )
        .bind(account.to_string())
        .fetch_one(self.reader())
        .await?;
        Ok(live > 0)
    }
}

/// Makes the customer known and locks it; the account, where one is tied.
async fn lock_customer(tx: &mut Tx, customer: &str) -> Result<Option<AccountId>> {
    let account: Option<String> = sqlx::query_scalar(
        "INSERT INTO stripe_customers (id) VALUES ($1) \
         ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING account_id",
    )
    .bind(customer)
    .fetch_one(&mut **tx)
    .await?;
    Ok(account.and_then(|id| id.parse().ok()))
}

async fn book_checkout(tx: &mut Tx, checkout: &Checkout, plans: &Plans, now: Moment) -> Result<Option<AccountId>> {
    let Some(named) = checkout.account else { return Ok(None) };
    let mut account = named;
    if let Some(customer) = &checkout.customer {
        account = tie(tx, customer, named).await?;
    }
    if lock_account(tx, account).await?.is_none() {
        tracing::error!(%account, session = checkout.id, "a checkout names an account that does not exist");
        return Ok(None);
    }
    if let Some(payment) = &checkout.payment {
        book_payment(tx, checkout, payment, account, plans, now).await?;
    }
    follow_subscriptions(tx, account, plans).await?;
    Ok(Some(account))
}

/// Ties a customer to an account, once and for all.
async fn tie(tx: &mut Tx, customer: &str, account: AccountId) -> Result<AccountId> {
    if let Some(tied) = lock_customer(tx, customer).await? {
        return Ok(tied);
    }
    sqlx::query(
        "UPDATE stripe_customers SET account_id = $2 \
         WHERE id = $1 AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = $2)",
    )
    .bind(customer)
    .bind(account.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(account)
}

async fn book_payment(
    tx: &mut Tx,
    checkout: &Checkout,
    payment: &Payment,
    account: AccountId,
    plans: &Plans,
    now: Moment,
) -> Result<()> {
    let Some(pack) = payment.pack.as_deref().and_then(|name| plans.pack(name)) else {
        tracing::error!(session = checkout.id, pack = payment.pack, "a paid checkout is for no pack of ours");
        return Ok(());
    };
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

async fn insert_grant(tx: &mut Tx, id: &str, account: AccountId, pack: &Pack, now: Moment) -> Result<bool> {
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

async fn book_refund(tx: &mut Tx, refund: &Refund) -> Result<Option<AccountId>> {
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
async fn reverse(tx: &mut Tx, grant: &str, amount: i64, refunded: i64) -> Result<Option<AccountId>> {
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

async fn book_subscription(
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
    let (period_start, period_end) = before.filter(|(start, _)| *start > told.period.0).unwrap_or(told.period);
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

async fn book_invoice(tx: &mut Tx, invoice: &Invoice, created: i64, plans: &Plans) -> Result<Option<AccountId>> {
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

async fn follow(tx: &mut Tx, account: Option<AccountId>, plans: &Plans) -> Result<Option<AccountId>> {
    if let Some(account) = account {
        lock_account(tx, account).await?;
        follow_subscriptions(tx, account, plans).await?;
    }
    Ok(account)
}

/// Sets an account's plan and window by its subscriptions: the best live one,
/// or the default plan where there were some and none lives.
async fn follow_subscriptions(tx: &mut Tx, account: AccountId, plans: &Plans) -> Result<()> {
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
    let live = rows.iter().filter(|row| matches!(row.status.as_str(), "active" | "trialing" | "past_due"));
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
