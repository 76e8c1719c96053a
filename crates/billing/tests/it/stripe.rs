//! Stripe: what is sold, and events in every order, each as often as they like.

use std::time::Duration;

use billing::stripe::Signatures;
use proto::{
    Billing as _, BillingHandle, ErrorCode,
    billing_v1::{self as pb, create_checkout_request::Item},
};
use rand::{RngExt as _, seq::SliceRandom as _};

use crate::support::{
    Api, Audit, Bed, Customer, StripeStandIn, on_both, redis_command, signatures, unique,
};

on_both! {
    a_checkout_is_opened_for_the_account
    a_subscription_brings_plan_and_window
    events_in_any_order_end_alike
    packs_are_granted_and_taken_back
    a_cancelled_subscription_lasts_to_its_end
    only_what_stripe_signed_is_heard
    usage_follows_the_window_of_stripe
    a_window_whose_end_moved_is_counted_as_a_rebuild_counts_it
    a_checkout_that_names_no_pack_is_looked_up
    a_checkout_that_names_no_account_is_its_customers
    a_pack_that_is_not_on_offer_is_not_booked
    events_of_one_second_may_come_at_once
}

async fn with_stripe(bed: Bed) -> (Bed, StripeStandIn) {
    let stripe = StripeStandIn::start(&bed.clock).await;
    let mut bed = bed;
    bed.layers = bed
        .layers
        .flag("billing.stripe.secret_key", Some("sk_test_1"))
        .flag("billing.stripe.webhook_secret", Some("whsec_old,whsec_new"))
        .flag("billing.stripe.api_base", Some(stripe.url.clone()));
    bed.service = bed.restarted().await;
    (bed, stripe)
}

async fn deliver(bed: &Bed, body: &[u8]) -> Result<(), ErrorCode> {
    let signature = signatures().sign(body, bed.clock.now()).expect("a secret");
    let request = pb::ApplyStripeEventRequest { payload: body.to_vec().into(), signature };
    bed.service.apply_stripe_event(request).await.map(drop).map_err(|error| error.code)
}

async fn deliver_all(bed: &Bed, stripe: &StripeStandIn) {
    for event in stripe.events() {
        deliver(bed, &event).await.expect("applied");
    }
}

/// Somebody who is signed in.
async fn session(bed: &Bed) -> (Customer, String) {
    let customer = bed.customer("Free", 0).await;
    let token = billing::secret::SessionToken::generate();
    let expires = bed.clock.now().seconds() + 1_000_000_000;
    let opened = bed
        .service
        .store()
        .open_session(customer.id, token.digest(), bed.clock.now(), expires)
        .await;
    opened.expect("a session");
    (customer, token.expose().to_owned())
}

async fn a_checkout_is_opened_for_the_account(bed: Bed) {
    let nothing_sold = bed.restarted().await;
    let (bed, stripe) = with_stripe(bed).await;
    let (customer, session_token) = session(&bed).await;
    let checkout = |item| pb::CreateCheckoutRequest { session_token: session_token.clone(), item };
    let plan = |name: &str| Some(Item::Plan(name.to_owned()));
    let refused =
        nothing_sold.create_checkout(checkout(plan("Premium"))).await.expect_err("no key");
    assert_eq!(refused.code, ErrorCode::NotFound);
    for item in [plan("Free"), plan("Nothing"), Some(Item::Pack("Nothing".into())), None] {
        let refused = bed.service.create_checkout(checkout(item)).await.expect_err("not sold");
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
    }
    let opened = bed.service.create_checkout(checkout(plan("Premium"))).await.expect("opened");
    assert_eq!(opened.url, format!("{}/pay", stripe.url));
    let asked = stripe.last_asked();
    for part in [
        format!("client_reference_id={}", customer.id),
        "mode=subscription".into(),
        "line_items[0][price]=price_premium".into(),
        format!("customer_email={}", customer.email),
    ] {
        assert!(asked.contains(&part), "{part} in {asked}");
    }
    bed.service
        .create_checkout(checkout(Some(Item::Pack("Pack-100".into()))))
        .await
        .expect("opened");
    let asked = stripe.last_asked();
    assert!(asked.contains("mode=payment") && asked.contains("metadata[pack]=Pack-100"), "{asked}");
    let portal = pb::CreatePortalRequest { session_token: session_token.clone() };
    let early = bed.service.create_portal(portal.clone()).await.expect_err("bought nothing");
    assert_eq!(early.code, ErrorCode::Conflict);
    let customer_id = unique("cus");
    stripe.subscribe(customer.id, &customer_id, "price_premium", Api::Of2025);
    deliver_all(&bed, &stripe).await;
    bed.service.create_portal(portal).await.expect("opened");
    assert!(stripe.last_asked().contains(&format!("customer={customer_id}")));
    let twice =
        bed.service.create_checkout(checkout(plan("Starter"))).await.expect_err("in the portal");
    assert_eq!(twice.code, ErrorCode::Conflict);
}

async fn a_subscription_brings_plan_and_window(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    for api in [Api::Before2025, Api::Of2025] {
        let customer = bed.customer("Free", 0).await;
        bed.charge(&customer).await;
        let id = stripe.subscribe(customer.id, &unique("cus"), "price_starter", api);
        deliver_all(&bed, &stripe).await;
        let (start, end) = stripe.subscription(&id).period;
        let usage = bed.usage(&customer).await;
        let cycle = usage.billing_cycle.expect("asked for");
        assert_eq!((usage.membership.as_str(), usage.credits), ("Starter", 100));
        assert_eq!((cycle.period_start_unix, cycle.period_end_unix), (start, end));
        assert!(cycle.stripe_billing_synced);
        assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (0, 100));
        assert_eq!(usage.api_usage, 1, "the month goes on");
        if let Some(redis) = &bed.redis {
            let user = format!("users:{}", customer.id);
            let fields = [user.as_str(), "billing_period_start", "billing_period_end"];
            let told = redis_command(&redis.url(), "HMGET", &fields).await;
            assert_eq!(told, [start.to_string(), end.to_string()]);
        }
    }
}

/// A life of one subscription with everything that may happen to it.
fn live(
    stripe: &StripeStandIn,
    bed: &Bed,
    customer: &Customer,
    random: &mut impl rand::Rng,
) -> String {
    let api = if random.random() { Api::Of2025 } else { Api::Before2025 };
    let id = stripe.subscribe(customer.id, &unique("cus"), "price_starter", api);
    for _ in 0..random.random_range(0..8) {
        // Often within the same second, which is all that events tell.
        bed.clock.advance(Duration::from_secs(random.random_range(0..3)));
        match random.random_range(0..6) {
            0 | 1 => stripe.renew(&id),
            2 => stripe
                .change_price(&id, ["price_premium", "price_starter"][random.random_range(0..2)]),
            3 => stripe.close(&id, random.random()),
            4 => stripe.fail_payment(&id),
            _ => {
                stripe.delete(&id);
                break;
            }
        }
    }
    id
}

async fn events_in_any_order_end_alike(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let mut random = rand::rng();
    let mut delivered = 0;
    for _ in 0..25 {
        let customer = bed.customer("Free", 0).await;
        let id = live(&stripe, &bed, &customer, &mut random);
        let intent = stripe.buy(customer.id, Some("Pack-100"), "price_pack_100", 500);
        stripe.refund(&intent, 500, 200);
        let mut events = stripe.events().split_off(delivered);
        delivered += events.len();
        let twice: Vec<_> = events.iter().filter(|_| random.random()).cloned().collect();
        events.extend(twice);
        events.shuffle(&mut random);
        for event in &events {
            deliver(&bed, event).await.expect("applied");
        }
        let expected = stripe.subscription(&id);
        let story: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event)).collect();
        let usage = bed.usage(&customer).await;
        let cycle = usage.billing_cycle.expect("asked for");
        assert_eq!(usage.prepaid_credits, 60, "{story:#?}");
        let membership = match (expected.is_live(), expected.price.as_str()) {
            (false, _) => "Free",
            (true, "price_premium") => "Premium",
            (true, _) => "Starter",
        };
        assert_eq!(usage.membership, membership, "{expected:?} {story:#?}");
        assert_eq!(cycle.stripe_billing_synced, expected.is_live(), "{story:#?}");
        if expected.is_live() {
            assert_eq!(
                (cycle.period_start_unix, cycle.period_end_unix),
                expected.period,
                "{story:#?}"
            );
            let account =
                bed.service.store().account(customer.id).await.expect("up").expect("there");
            assert_eq!(account.closes, expected.closes, "{story:#?}");
        }
    }
}

async fn packs_are_granted_and_taken_back(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    let prepaid = async || bed.usage(&customer).await.prepaid_credits;
    let intent = stripe.buy(customer.id, Some("Pack-100"), "price_pack_100", 1000);
    deliver_all(&bed, &stripe).await;
    deliver_all(&bed, &stripe).await;
    assert_eq!(prepaid().await, 100);
    stripe.refund(&intent, 1000, 250);
    deliver_all(&bed, &stripe).await;
    assert_eq!(prepaid().await, 75);
    for _ in 0..7 {
        bed.charge(&customer).await;
    }
    assert_eq!(prepaid().await, 73, "five included, two prepaid");
    stripe.refund(&intent, 1000, 1000);
    deliver_all(&bed, &stripe).await;
    assert_eq!(prepaid().await, 0, "what was spent and paid back is owed, not shown");
    bed.reserve(customer.reserve(&unique("op"))).await.expect_err("no credits");
    stripe.buy(customer.id, Some("Pack-100"), "price_pack_100", 1000);
    deliver_all(&bed, &stripe).await;
    assert_eq!(prepaid().await, 98);
    Audit::of(&bed).await.check(&bed, &customer).await;
}

async fn a_cancelled_subscription_lasts_to_its_end(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    let id = stripe.subscribe(customer.id, &unique("cus"), "price_premium", Api::Of2025);
    stripe.close(&id, true);
    deliver_all(&bed, &stripe).await;
    assert_eq!(bed.usage(&customer).await.membership, "Premium");
    bed.charge(&customer).await;
    let (start, end) = stripe.subscription(&id).period;
    bed.clock.advance(Duration::from_secs((end - start).unsigned_abs()));
    // Its end needs no event.
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((usage.membership.as_str(), cycle.stripe_billing_synced), ("Free", false));
    for _ in 0..5 {
        bed.charge(&customer).await;
    }
    bed.reserve(customer.reserve(&unique("op"))).await.expect_err("five, not twenty thousand");
    stripe.delete(&id);
    deliver_all(&bed, &stripe).await;
    assert_eq!(bed.usage(&customer).await.membership, "Free");
    let cycles = bed.cycles(&customer).await;
    assert!(cycles.iter().any(|cycle| cycle.period_start_unix == start && cycle.api_usage == 1));
}

async fn only_what_stripe_signed_is_heard(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    stripe.buy(customer.id, Some("Pack-100"), "price_pack_100", 1000);
    let body = stripe.events().pop().expect("one");
    let now = bed.clock.now();
    let send = async |payload: &[u8], signature: String| {
        let request = pb::ApplyStripeEventRequest { payload: payload.to_vec().into(), signature };
        bed.service.apply_stripe_event(request).await.map(drop).map_err(|error| error.code)
    };
    let good = signatures().sign(&body, now).expect("a secret");
    let foreign = Signatures::new("whsec_foreign", 300).sign(&body, now).expect("a secret");
    let mut changed = body.clone();
    changed.push(b' ');
    for (payload, signature) in [(&body, foreign), (&body, String::new()), (&changed, good.clone())]
    {
        assert_eq!(send(payload, signature).await, Err(ErrorCode::InvalidArgument));
    }
    let nonsense = b"{}".to_vec();
    let signed = signatures().sign(&nonsense, now).expect("a secret");
    assert_eq!(send(&nonsense, signed).await, Err(ErrorCode::InvalidArgument));
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 0);
    let old = Signatures::new("whsec_old", 300).sign(&body, now).expect("a secret");
    send(&body, old).await.expect("the old secret still counts");
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 100);
    bed.clock.advance(Duration::from_secs(301));
    assert_eq!(send(&body, good).await, Err(ErrorCode::InvalidArgument), "too late");
    // The gateway reaches it the same way.
    let handle = BillingHandle::local(bed.service.clone());
    let signature = signatures().sign(&body, bed.clock.now()).expect("a secret");
    let again = pb::ApplyStripeEventRequest { payload: body.into(), signature };
    handle.apply_stripe_event(again).await.expect("known");
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 100);
}

async fn usage_follows_the_window_of_stripe(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 1).await;
    let id = stripe.subscribe(customer.id, &unique("cus"), "price_starter", Api::Of2025);
    deliver_all(&bed, &stripe).await;
    for _ in 0..100 {
        bed.charge(&customer).await;
    }
    bed.charge(&customer).await;
    bed.reserve(customer.reserve(&unique("op")))
        .await
        .expect_err("the window and the pack are used up");
    let (first, _) = stripe.subscription(&id).period;
    bed.clock.advance(Duration::from_secs(30 * 86_400));
    stripe.renew(&id);
    deliver_all(&bed, &stripe).await;
    let (start, end) = stripe.subscription(&id).period;
    let listed = |cycles: &[pb::CycleUsage]| -> Vec<(i64, i64, i64)> {
        cycles.iter().map(|c| (c.period_start_unix, c.period_end_unix, c.api_usage)).collect()
    };
    // The new window is there before it is used.
    assert_eq!(listed(&bed.cycles(&customer).await), [(start, end, 0), (first, start - 1, 100)]);
    bed.charge(&customer).await;
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((cycle.period_start_unix, cycle.period_end_unix), (start, end));
    assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (1, 99));
    let past = bed.ask_usage(&customer, |ask| ask.period_start_unix = Some(first)).await;
    let cycle = past.billing_cycle.expect("asked for");
    assert_eq!(
        (past.api_usage, cycle.period_end_unix, cycle.remaining_included_credits),
        (100, start - 1, 0)
    );
    stripe.change_price(&id, "price_premium");
    deliver_all(&bed, &stripe).await;
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((usage.membership.as_str(), usage.credits), ("Premium", 20_000));
    assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (1, 19_999));
}

async fn a_window_whose_end_moved_is_counted_as_a_rebuild_counts_it(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    let id = stripe.subscribe(customer.id, &unique("cus"), "price_starter", Api::Of2025);
    deliver_all(&bed, &stripe).await;
    bed.charge(&customer).await;
    stripe.extend(&id, 7 * 86_400);
    deliver_all(&bed, &stripe).await;
    let (start, end) = stripe.subscription(&id).period;
    bed.charge(&customer).await;
    // Without a subscription the window's end is what was counted with it.
    stripe.delete(&id);
    deliver_all(&bed, &stripe).await;
    let counted = bed.cycles(&customer).await;
    bed.service.rebuild().await.expect("rebuilt");
    assert_eq!(counted, bed.cycles(&customer).await);
    let window = counted.iter().find(|window| window.period_start_unix == start);
    assert_eq!(window.map(|window| (window.period_end_unix, window.api_usage)), Some((end, 2)));
}

async fn a_checkout_that_names_no_pack_is_looked_up(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    stripe.buy(customer.id, None, "price_pack_100", 1000);
    stripe.buy(customer.id, None, "price_of_something_else", 1000);
    deliver_all(&bed, &stripe).await;
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 100);
}

async fn a_checkout_that_names_no_account_is_its_customers(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    let of_stripe = unique("cus");
    stripe.subscribe(customer.id, &of_stripe, "price_starter", Api::Of2025);
    deliver_all(&bed, &stripe).await;
    stripe.buy(customer.id, Some("Pack-100"), "price_pack_100", 1000);
    let body = stripe.events().pop().expect("one");
    let mut event: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let checkout = &mut event["data"]["object"];
    checkout["client_reference_id"].take();
    checkout["customer"] = of_stripe.into();
    deliver(&bed, event.to_string().as_bytes()).await.expect("applied");
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 100);
}

async fn a_pack_that_is_not_on_offer_is_not_booked(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    let customer = bed.customer("Free", 0).await;
    stripe.buy(customer.id, Some("Pack-of-yore"), "price_of_yore", 1000);
    let body = stripe.events().pop().expect("one");
    for _ in 0..2 {
        assert_eq!(deliver(&bed, &body).await, Err(ErrorCode::Internal), "Stripe tells it again");
    }
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 0);
}

async fn events_of_one_second_may_come_at_once(bed: Bed) {
    let (bed, stripe) = with_stripe(bed).await;
    for round in 0..10 {
        let customer = bed.customer("Free", 0).await;
        let id = stripe.subscribe(customer.id, &unique("cus"), "price_starter", Api::Of2025);
        deliver_all(&bed, &stripe).await;
        let before = stripe.events().len();
        bed.clock.advance(Duration::from_secs(1));
        stripe.change_price(&id, "price_starter");
        stripe.change_price(&id, "price_premium");
        let mut events = stripe.events().split_off(before);
        if round % 2 == 0 {
            events.reverse();
        }
        let (first, second) = tokio::join!(deliver(&bed, &events[0]), deliver(&bed, &events[1]));
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert_eq!(bed.usage(&customer).await.membership, "Premium");
    }
}
