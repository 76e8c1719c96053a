//! Selling over Stripe, and hearing from it.

use proto::{
    ErrorCode, ServiceError,
    billing_v1::{self as pb, create_checkout_request::Item},
};

use super::{Answer, Inner};
use crate::{
    store::{Account, Booking},
    stripe::{Buyer, Effect, Event, Order, Stripe},
};

impl Inner {
    pub(super) async fn create_checkout(
        &self,
        request: pb::CreateCheckoutRequest,
    ) -> Answer<pb::CreateCheckoutResponse> {
        let account = self.session_account(&request.session_token).await?;
        let stripe = self.stripe()?;
        let order = self.order(request.item.as_ref())?;
        if matches!(order, Order::Plan(..)) && self.store.is_subscribed(account.id).await? {
            return Err(ServiceError::new(
                ErrorCode::Conflict,
                "you have a subscription already: change it in the customer portal",
            ));
        }
        let buyer = self.buyer(account).await?;
        let url = stripe.checkout(&buyer, order).await?;
        Ok(pb::CreateCheckoutResponse { url })
    }

    pub(super) async fn create_portal(
        &self,
        request: pb::CreatePortalRequest,
    ) -> Answer<pb::CreatePortalResponse> {
        let account = self.session_account(&request.session_token).await?;
        let stripe = self.stripe()?;
        let customer = self.store.customer_of(account.id).await?;
        let customer = customer.ok_or_else(|| {
            ServiceError::new(ErrorCode::Conflict, "you have not bought anything yet")
        })?;
        let url = stripe.portal(&customer).await?;
        Ok(pb::CreatePortalResponse { url })
    }

    pub(super) async fn apply_stripe_event(
        &self,
        request: pb::ApplyStripeEventRequest,
    ) -> Answer<pb::ApplyStripeEventResponse> {
        let now = self.clock.now();
        let refuse = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, "a Stripe event was refused");
            ServiceError::new(ErrorCode::InvalidArgument, error.to_string())
        };
        self.signatures
            .check(&request.payload, &request.signature, now)
            .map_err(|error| refuse(&error))?;
        let event = Event::parse(&request.payload).map_err(|error| refuse(&error))?;
        if !self.store.event_is_known(&event.id).await? {
            let event = self.look_up_pack(event).await?;
            let event = Event { asked: self.stripe.is_none(), ..event };
            let mut booked = self.book(&event, &request.payload).await?;
            if booked == Booking::Ambiguous {
                let event = self.look_up_subscription(event).await?;
                booked = self.book(&event, &request.payload).await?;
            }
            if let Booking::Applied(Some(account)) = booked {
                self.follow_account(account).await;
            }
        }
        Ok(pb::ApplyStripeEventResponse {})
    }

    async fn book(&self, event: &Event, payload: &[u8]) -> Answer<Booking> {
        Ok(self.store.apply_event(event, payload, &self.plans, self.clock.now()).await?)
    }

    /// Asks Stripe which of two events of the same second is the later one.
    async fn look_up_subscription(&self, mut event: Event) -> Answer<Event> {
        if let (Some(stripe), Effect::Subscription(told)) = (&self.stripe, &mut event.effect) {
            *told = stripe.subscription(&told.id).await?;
        }
        event.asked = true;
        Ok(event)
    }

    /// Asks Stripe what a checkout that we did not open was for.
    async fn look_up_pack(&self, mut event: Event) -> Answer<Event> {
        if let (Some(stripe), Effect::Checkout(checkout)) = (&self.stripe, &mut event.effect)
            && let Some(payment) =
                checkout.payment.as_mut().filter(|payment| payment.pack.is_none())
        {
            let price = stripe.checkout_price(&checkout.id).await?;
            let pack = price.and_then(|price| self.plans.pack_of_price(&price));
            payment.pack = pack.map(|pack| pack.name.clone());
        }
        Ok(event)
    }

    fn stripe(&self) -> Answer<&Stripe> {
        self.stripe
            .as_ref()
            .ok_or_else(|| ServiceError::new(ErrorCode::NotFound, "nothing is sold here"))
    }

    fn order(&self, item: Option<&Item>) -> Answer<Order<'_>> {
        let unknown = |message| ServiceError::new(ErrorCode::InvalidArgument, message);
        match item {
            Some(Item::Plan(name)) => {
                let plan = self
                    .plans
                    .plan(name)
                    .and_then(|plan| Some(Order::Plan(plan, plan.price.as_deref()?)));
                plan.ok_or_else(|| unknown("'plan' must be the name of a plan that is sold"))
            }
            Some(Item::Pack(name)) => {
                let pack = self.plans.pack(name).map(Order::Pack);
                pack.ok_or_else(|| unknown("'pack' must be the name of a pack that is sold"))
            }
            None => Err(unknown("give either 'plan' or 'pack'")),
        }
    }

    async fn buyer(&self, account: Account) -> Answer<Buyer> {
        let customer = self.store.customer_of(account.id).await?;
        Ok(Buyer { account: account.id, email: account.email, customer })
    }
}
