//! From an event's JSON to what it means for us. Reads the shapes of the API
//! before and after 2025-03-31, which moved a subscription's period to its items
//! and an invoice's subscription to its parent.

use serde_json::Value;

use crate::identity::AccountId;

/// The body is no event; the text names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Stripe event: {0}")]
pub struct MalformedEvent(pub String);

type Result<T> = std::result::Result<T, MalformedEvent>;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Applied once.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// When Stripe made it, in Unix seconds.
    pub created: i64,
    /// What it means.
    pub effect: Effect,
    /// Whether Stripe was asked for a subscription as it is now, or cannot be.
    pub asked: bool,
}

/// What an event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Somebody finished a checkout.
    Checkout(Checkout),
    /// A subscription is as it says.
    Subscription(Subscription),
    /// A subscription's invoice was paid, or could not be.
    Invoice(Invoice),
    /// A payment was paid back, in part or whole.
    Refund(Refund),
    /// Nothing for us.
    Nothing,
}

/// A finished checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The session.
    pub id: String,
    /// Who bought: our `client_reference_id`.
    pub account: Option<AccountId>,
    /// Stripe's customer.
    pub customer: Option<String>,
    /// What was paid at once, where it was a one-time payment that is paid.
    pub payment: Option<Payment>,
}

/// A one-time payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The payment intent; a session that cost nothing has none.
    pub intent: Option<String>,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// The pack's name, as the checkout was opened with.
    pub pack: Option<String>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub customer: String,
    /// Stripe's word: `active`, `past_due`, `canceled`…
    pub status: String,
    /// The price of its first item.
    pub price: String,
    /// The current period.
    pub period: (i64, i64),
    /// Whether it ends with the period.
    pub closes: bool,
}

/// An invoice of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The subscription.
    pub subscription: String,
    /// Whose it is.
    pub customer: String,
    /// Whether it was paid.
    pub paid: bool,
    /// The period and price that it pays for, where it begins a period.
    pub period: Option<(i64, i64, String)>,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The payment.
    pub intent: String,
    /// What was paid.
    pub amount: i64,
    /// What was paid back, all refunds together.
    pub refunded: i64,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// [`MalformedEvent`] where a field that we need is missing.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let json: Value =
            serde_json::from_slice(body).map_err(|error| MalformedEvent(error.to_string()))?;
        let kind = text(&json, "type")?;
        Ok(Self {
            id: text(&json, "id")?,
            created: number(&json, "created")?,
            effect: effect(&kind, &json["data"]["object"])?,
            kind,
            asked: false,
        })
    }
}

impl Subscription {
    /// Reads a subscription.
    ///
    /// # Errors
    /// [`MalformedEvent`] where a field that we need is missing.
    pub fn parse(object: &Value) -> Result<Self> {
        let item = &object["items"]["data"][0];
        let price = item["price"]["id"].as_str().or_else(|| object["plan"]["id"].as_str());
        let mut subscription = Self {
            id: text(object, "id")?,
            customer: id_of(&object["customer"]).ok_or_else(|| missing("customer"))?,
            status: text(object, "status")?,
            price: price.ok_or_else(|| missing("items.data.price.id"))?.to_owned(),
            period: period(item)
                .or_else(|| period(object))
                .ok_or_else(|| missing("current_period_start"))?,
            closes: object["cancel_at_period_end"].as_bool().unwrap_or(false),
        };
        // A date beyond this period ends a later one.
        let ends_at = object["cancel_at"].as_i64();
        subscription.closes |= ends_at.is_some_and(|at| at <= subscription.period.1);
        Ok(subscription)
    }
}

fn effect(kind: &str, object: &Value) -> Result<Effect> {
    Ok(match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            Effect::Checkout(checkout(object)?)
        }
        "customer.subscription.created" | "customer.subscription.updated" => {
            Effect::Subscription(Subscription::parse(object)?)
        }
        "customer.subscription.deleted" => {
            let status = "canceled".to_owned();
            Effect::Subscription(Subscription { status, ..Subscription::parse(object)? })
        }
        "invoice.paid" => invoice(object, true)?,
        "invoice.payment_failed" => invoice(object, false)?,
        "charge.refunded" => refund(object)?,
        _ => Effect::Nothing,
    })
}

fn checkout(object: &Value) -> Result<Checkout> {
    let paid = matches!(object["payment_status"].as_str(), Some("paid" | "no_payment_required"));
    let payment = (object["mode"] == "payment" && paid).then(|| Payment {
        intent: id_of(&object["payment_intent"]),
        amount: object["amount_total"].as_i64().unwrap_or(0),
        pack: object["metadata"]["pack"].as_str().map(str::to_owned),
    });
    Ok(Checkout {
        id: text(object, "id")?,
        account: object["client_reference_id"].as_str().and_then(|id| id.parse().ok()),
        customer: id_of(&object["customer"]),
        payment,
    })
}

fn invoice(object: &Value, paid: bool) -> Result<Effect> {
    let parent = &object["parent"]["subscription_details"]["subscription"];
    let Some(subscription) = id_of(&object["subscription"]).or_else(|| id_of(parent)) else {
        return Ok(Effect::Nothing);
    };
    let begins = matches!(
        object["billing_reason"].as_str(),
        Some("subscription_create" | "subscription_cycle" | "subscription")
    );
    Ok(Effect::Invoice(Invoice {
        subscription,
        customer: id_of(&object["customer"]).ok_or_else(|| missing("customer"))?,
        paid,
        period: if paid && begins { longest_line(object) } else { None },
    }))
}

/// The line that ends last: prorations of an old price end before it.
fn longest_line(object: &Value) -> Option<(i64, i64, String)> {
    let lines = object["lines"]["data"].as_array()?;
    let read = |line: &Value| {
        let price = line["price"]["id"]
            .as_str()
            .or_else(|| id_str(&line["pricing"]["price_details"]["price"]))?;
        Some((line["period"]["start"].as_i64()?, line["period"]["end"].as_i64()?, price.to_owned()))
    };
    lines
        .iter()
        .filter(|line| line["proration"] != true)
        .filter_map(read)
        .max_by_key(|(_, end, _)| *end)
}

fn refund(object: &Value) -> Result<Effect> {
    // A charge without an intent is none of our checkouts.
    let Some(intent) = id_of(&object["payment_intent"]) else { return Ok(Effect::Nothing) };
    let refund = Refund {
        intent,
        amount: number(object, "amount")?,
        refunded: number(object, "amount_refunded")?,
    };
    Ok(Effect::Refund(refund))
}

fn period(object: &Value) -> Option<(i64, i64)> {
    object["current_period_start"].as_i64().zip(object["current_period_end"].as_i64())
}

/// An object's id, where it may be given as the id or be expanded.
fn id_of(value: &Value) -> Option<String> {
    id_str(value).map(str::to_owned)
}

fn id_str(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["id"].as_str())
}

fn text(object: &Value, field: &'static str) -> Result<String> {
    object[field].as_str().map(str::to_owned).ok_or_else(|| missing(field))
}

fn number(object: &Value, field: &'static str) -> Result<i64> {
    object[field].as_i64().ok_or_else(|| missing(field))
}

fn missing(field: &str) -> MalformedEvent {
    MalformedEvent(format!("{field} is missing"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(kind: &str, object: &Value) -> Result<Effect> {
        let event = json!({"id": "evt_1", "type": kind, "created": 7, "data": {"object": object}});
        Event::parse(event.to_string().as_bytes()).map(|event| event.effect)
    }

    #[test]
    fn a_period_is_read_from_the_items_or_the_subscription() {
        let price = json!({"id": "price_1"});
        let of_2025 = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "items": {"data":
            [{"price": price, "current_period_start": 10, "current_period_end": 20}]}});
        let before = json!({"id": "sub_1", "customer": {"id": "cus_1"}, "status": "active",
            "current_period_start": 10, "current_period_end": 20, "items": {"data": [{"price": price}]}});
        for object in [of_2025, before] {
            let effect = parse("customer.subscription.updated", &object).expect("readable");
            let Effect::Subscription(subscription) = effect else { panic!("{effect:?}") };
            assert_eq!((subscription.period, subscription.customer.as_str()), ((10, 20), "cus_1"));
            assert_eq!((subscription.price.as_str(), subscription.closes), ("price_1", false));
        }
    }

    #[test]
    fn a_subscription_closes_with_the_period_that_its_end_lies_in() {
        for (at_end, cancel_at, closes) in [
            (true, json!(null), true),
            (false, json!(20), true),
            (false, json!(21), false),
            (false, json!(null), false),
        ] {
            let object = json!({"id": "sub_1", "customer": "cus_1", "status": "active",
                "cancel_at_period_end": at_end, "cancel_at": cancel_at, "items": {"data":
                [{"price": {"id": "price_1"}, "current_period_start": 10, "current_period_end": 20}]}});
            let read = Subscription::parse(&object).expect("readable");
            assert_eq!(read.closes, closes, "{object}");
        }
    }

    #[test]
    fn an_invoice_names_its_subscription_in_two_places() {
        for object in [
            json!({"customer": "cus_1", "subscription": "sub_1"}),
            json!({"customer": "cus_1", "parent": {"subscription_details": {"subscription": "sub_1"}}}),
        ] {
            let effect = parse("invoice.payment_failed", &object).expect("readable");
            assert!(
                matches!(effect, Effect::Invoice(Invoice { ref subscription, paid: false, .. })
                if subscription == "sub_1")
            );
        }
        assert_eq!(parse("invoice.paid", &json!({"customer": "cus_1"})), Ok(Effect::Nothing));
    }

    #[test]
    fn an_unpaid_checkout_pays_nothing() {
        for (status, paid) in [("paid", true), ("unpaid", false)] {
            let object = json!({"id": "cs_1", "mode": "payment", "payment_status": status,
                "payment_intent": "pi_1", "amount_total": 500, "metadata": {"pack": "Pack-100"}});
            let effect = parse("checkout.session.completed", &object).expect("readable");
            let Effect::Checkout(checkout) = effect else { panic!("{effect:?}") };
            assert_eq!(checkout.payment.is_some(), paid);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error =
            parse("customer.subscription.created", &json!({"id": "sub_1", "customer": "cus_1"}));
        assert_eq!(error, Err(MalformedEvent("status is missing".into())));
        assert_eq!(parse("product.created", &json!({})), Ok(Effect::Nothing));
        assert!(Event::parse(b"{").is_err());
    }
}
