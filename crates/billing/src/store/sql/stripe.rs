//! What Stripe told. Everything that an event changes changes with the row of
//! the event itself. Events of one customer, and of one payment, wait for each
//! other on the row of that customer or payment.

use async_trait::async_trait;
use sqlx::Transaction;

use super::{Backend, Db, Result, payments, projection::lock_account, subscriptions};
use crate::{
    clock::Moment,
    identity::AccountId,
    plans::Plans,
    store::{Booking, StripeBook},
    stripe::{Checkout, Effect, Event},
};

type Tx = Transaction<'static, Db>;

#[async_trait]
impl StripeBook for Backend {
    async fn apply_event(
        &self,
        event: &Event,
        payload: &[u8],
        plans: &Plans,
        now: Moment,
    ) -> Result<Booking> {
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
            Effect::Subscription(told) => {
                if !event.asked && subscriptions::is_ambiguous(&mut tx, told, event.created).await?
                {
                    return Ok(Booking::Ambiguous);
                }
                subscriptions::book_subscription(&mut tx, told, event.created, plans).await?
            }
            Effect::Invoice(invoice) => {
                subscriptions::book_invoice(&mut tx, invoice, event.created, plans).await?
            }
            Effect::Refund(refund) => payments::book_refund(&mut tx, refund).await?,
            Effect::Nothing => None,
        };
        tx.commit().await?;
        Ok(Booking::Applied(changed))
    }

    async fn event_is_known(&self, id: &str) -> Result<bool> {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT created FROM stripe_events WHERE id = $1")
                .bind(id)
                .fetch_optional(self.reader())
                .await?;
        Ok(known.is_some())
    }

    async fn customer_of(&self, account: AccountId) -> Result<Option<String>> {
        let id = sqlx::query_scalar(
            "SELECT id FROM stripe_customers WHERE account_id = $1 ORDER BY id LIMIT 1",
        )
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
pub(super) async fn lock_customer(tx: &mut Tx, customer: &str) -> Result<Option<AccountId>> {
    let account: Option<String> = sqlx::query_scalar(
        "INSERT INTO stripe_customers (id) VALUES ($1) \
         ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING account_id",
    )
    .bind(customer)
    .fetch_one(&mut **tx)
    .await?;
    Ok(account.and_then(|id| id.parse().ok()))
}

async fn book_checkout(
    tx: &mut Tx,
    checkout: &Checkout,
    plans: &Plans,
    now: Moment,
) -> Result<Option<AccountId>> {
    let account = match &checkout.customer {
        Some(customer) => tie(tx, customer, checkout.account).await?,
        None => checkout.account,
    };
    let Some(account) = account else {
        if checkout.payment.is_some() {
            tracing::error!(session = checkout.id, "a paid checkout is for no account of ours");
        }
        return Ok(None);
    };
    if lock_account(tx, account).await?.is_none() {
        tracing::error!(%account, session = checkout.id, "a checkout names an account that does not exist");
        return Ok(None);
    }
    if let Some(payment) = &checkout.payment {
        payments::book_payment(tx, checkout, payment, account, plans, now).await?;
    }
    subscriptions::follow_subscriptions(tx, account, plans).await?;
    Ok(Some(account))
}

/// Ties a customer to an account, once and for all; the account, where there is
/// one.
async fn tie(tx: &mut Tx, customer: &str, account: Option<AccountId>) -> Result<Option<AccountId>> {
    let tied = lock_customer(tx, customer).await?;
    let (None, Some(account)) = (tied, account) else { return Ok(tied) };
    sqlx::query(
        "UPDATE stripe_customers SET account_id = $2 \
         WHERE id = $1 AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = $2)",
    )
    .bind(customer)
    .bind(account.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(Some(account))
}
