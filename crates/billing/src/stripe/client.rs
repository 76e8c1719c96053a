//! Calls to Stripe: opening a checkout or the portal, and looking a
//! subscription up. Of each reply only the few fields that matter are read, so
//! that a new API version does not turn a sale into an error.

use std::{collections::HashMap, time::Duration};

use miniserde::{Deserialize, json::Value as Json};
use stripe::{Client, ClientBuilder, RequestStrategy, StripeRequest as _};
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_checkout::{
    CheckoutSessionMode,
    checkout_session::{CreateCheckoutSession, CreateCheckoutSessionLineItems},
};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::Subscription;
use crate::{
    identity::{AccountId, EmailAddress},
    plans::{Pack, Plan},
};

const PATIENCE: Duration = Duration::from_secs(8);

/// Stripe cannot be reached or refused; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("stripe: {0}")]
pub struct StripeError(String);

fn failed(error: impl std::fmt::Display) -> StripeError {
    StripeError(error.to_string())
}

/// What is to be bought.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order<'p> {
    /// A subscription, with its price.
    Plan(&'p Plan, &'p str),
    /// Prepaid credits.
    Pack(&'p Pack),
}

/// Who buys.
#[derive(Debug, Clone)]
pub(crate) struct Buyer {
    pub(crate) account: AccountId,
    pub(crate) email: EmailAddress,
    /// Stripe's customer, where there is one.
    pub(crate) customer: Option<String>,
}

/// Calls Stripe.
#[derive(Clone)]
pub(crate) struct Stripe {
    client: Client,
    profile_page: String,
}

#[derive(Deserialize)]
struct Page {
    url: Option<String>,
}

#[derive(Deserialize)]
struct LineItems {
    data: Vec<LineItem>,
}

#[derive(Deserialize)]
struct LineItem {
    price: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Stripe {
    /// Prepares a client; nothing connects yet.
    pub(crate) fn new(
        secret_key: &str,
        api_base: &str,
        public_url: &str,
    ) -> Result<Self, StripeError> {
        let mut builder = ClientBuilder::new(secret_key)
            .timeout(PATIENCE)
            .request_strategy(RequestStrategy::Retry(1));
        if !api_base.is_empty() {
            builder = builder.url(format!("{}/", api_base.trim_end_matches('/')));
        }
        Ok(Self {
            client: builder.build().map_err(failed)?,
            profile_page: format!("{}/profile", public_url.trim_end_matches('/')),
        })
    }

    /// Opens a checkout; the answer is the page to go to.
    pub(crate) async fn checkout(
        &self,
        buyer: &Buyer,
        order: Order<'_>,
    ) -> Result<String, StripeError> {
        let (mode, price, key, name) = match order {
            Order::Plan(plan, price) => {
                (CheckoutSessionMode::Subscription, price, "plan", &plan.name)
            }
            Order::Pack(pack) => {
                (CheckoutSessionMode::Payment, pack.price.as_str(), "pack", &pack.name)
            }
        };
        let mut item = CreateCheckoutSessionLineItems::new();
        (item.price, item.quantity) = (Some(price.to_owned()), Some(1));
        let request = CreateCheckoutSession::new()
            .mode(mode)
            .line_items(vec![item])
            .client_reference_id(buyer.account.to_string())
            .metadata(HashMap::from([(key.to_owned(), name.clone())]))
            .success_url(format!("{}?checkout=success", self.profile_page))
            .cancel_url(format!("{}?checkout=cancelled", self.profile_page));
        let request = match &buyer.customer {
            Some(customer) => request.customer(customer),
            None => request.customer_email(buyer.email.as_str()),
        };
        self.page(request.build()).await
    }

    /// Opens the customer portal; the answer is the page to go to.
    pub(crate) async fn portal(&self, customer: &str) -> Result<String, StripeError> {
        let request =
            CreateBillingPortalSession::new().customer(customer).return_url(&self.profile_page);
        self.page(request.build()).await
    }

    /// A subscription as it is now.
    pub(crate) async fn subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, format!("/subscriptions/{id}"));
        let reply: Json = request.customize().send(&self.client).await.map_err(failed)?;
        let json = serde_json::from_str(&miniserde::json::to_string(&reply)).map_err(failed)?;
        Subscription::parse(&json).map_err(failed)
    }

    /// The price that a checkout was for.
    pub(crate) async fn checkout_price(
        &self,
        session: &str,
    ) -> Result<Option<String>, StripeError> {
        let path = format!("/checkout/sessions/{session}/line_items");
        let request = RequestBuilder::new(StripeMethod::Get, path);
        let reply: LineItems = request.customize().send(&self.client).await.map_err(failed)?;
        Ok(reply.data.into_iter().find_map(|item| item.price).map(|price| price.id))
    }

    async fn page(&self, request: RequestBuilder) -> Result<String, StripeError> {
        let page: Page = request.customize().send(&self.client).await.map_err(failed)?;
        page.url.ok_or_else(|| failed("the reply names no page"))
    }
}
