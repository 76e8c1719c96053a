//! Who is let through, and how fast.

use std::time::Duration;

use billing::secret::{ApiKey, SessionToken};
use proto::{
    Billing as _, ErrorCode,
    billing_v1::{self as pb, caller::Credential},
};

use crate::support::{Audit, Bed, on_both, unique};

on_both! {
    a_key_must_be_one_of_ours
    an_unverified_account_may_not
    being_recognised_costs_nothing
    a_plan_has_a_rate
    one_account_has_one_rate_for_all_its_keys
    an_address_has_a_rate
    an_anonymous_address_has_a_day
    an_anonymous_attempt_is_given_back_unheard
}

fn anonymous(address: &str) -> pb::ReserveRequest {
    pb::ReserveRequest {
        caller: Some(pb::Caller {
            credential: Some(Credential::Anonymous(pb::Anonymous {})),
            address: address.to_owned(),
        }),
        operation_id: unique("anonymous"),
        credits: 1,
        ..Default::default()
    }
}

async fn a_key_must_be_one_of_ours(bed: Bed) {
    let mut customer = bed.customer("Free", 0).await;
    let mut request = customer.reserve("op");
    for credential in [
        Credential::ApiKey(ApiKey::generate().expose().to_owned()),
        Credential::ApiKey("nonsense".to_owned()),
        Credential::ApiKey(format!("{}0", customer.key.expose())),
        Credential::ApiKey(customer.key.expose().to_uppercase()),
    ] {
        request.caller = Some(pb::Caller { credential: Some(credential), address: String::new() });
        let refused = bed.reserve(request.clone()).await.expect_err("no such key");
        assert_eq!(refused.code, ErrorCode::InvalidApiKey);
    }
    let token = SessionToken::generate().expose().to_owned();
    request.caller = Some(pb::Caller {
        credential: Some(Credential::SessionToken(token)),
        address: String::new(),
    });
    assert_eq!(bed.reserve(request).await.expect_err("no session").code, ErrorCode::InvalidSession);
    customer.key = ApiKey::generate();
    let usage = pb::ListBillingCyclesRequest { caller: Some(customer.caller()) };
    let refused = bed.service.list_billing_cycles(usage).await.expect_err("no such key");
    assert_eq!(refused.code, ErrorCode::InvalidApiKey);
}

async fn an_unverified_account_may_not(bed: Bed) {
    let email: billing::identity::EmailAddress =
        format!("{}@example.org", unique("new")).parse().expect("address");
    let order = billing::admin::AccountOrder {
        email: email.clone(),
        verified: false,
        plan: None,
        prepaid: 0,
    };
    let id = bed.service.create_account(&order).await.expect("an account");
    let key = bed.service.create_key_for(&email, "k").await.expect("a key");
    let customer = crate::support::Customer { id, email: email.to_string(), key };
    let refused = bed.reserve(customer.reserve(&unique("op"))).await.expect_err("not verified");
    assert_eq!(refused.code, ErrorCode::EmailNotVerified);
    let asked = pb::IdentifyRequest { caller: Some(customer.caller()) };
    let refused = bed.service.identify(asked).await.expect_err("not verified");
    assert_eq!(refused.code, ErrorCode::EmailNotVerified);
}

async fn being_recognised_costs_nothing(bed: Bed) {
    let customer = bed.customer("Slow", 0).await;
    let identify = async |caller| {
        let request = pb::IdentifyRequest { caller: Some(caller) };
        bed.service.identify(request).await.map_err(|error| error.code)
    };
    for _ in 0..3 {
        for _ in 0..10 {
            identify(customer.caller()).await.expect("known");
        }
        bed.charge(&customer).await;
    }
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (3, 0));
    identify(pb::Caller::default()).await.expect("anybody");
    let unknown = Credential::ApiKey("rembg_unknown".to_owned());
    let unknown = pb::Caller { credential: Some(unknown), ..customer.caller() };
    assert_eq!(identify(unknown).await, Err(ErrorCode::InvalidApiKey));
}

async fn a_plan_has_a_rate(bed: Bed) {
    let customer = bed.customer("Slow", 0).await;
    for remaining in [2, 1, 0] {
        let rate = bed
            .reserve(customer.reserve(&unique("op")))
            .await
            .expect("in the rate")
            .rate
            .expect("told");
        assert_eq!((rate.limit, rate.remaining), (3, remaining));
        assert!((1..=60).contains(&rate.reset_seconds));
    }
    let refused = bed.reserve(customer.reserve(&unique("op"))).await.expect_err("too fast");
    assert_eq!(refused.code, ErrorCode::RateLimited);
    let wait = refused.retry_after.expect("told");
    assert!(wait > Duration::from_secs(15) && wait <= Duration::from_secs(20), "{wait:?}");
    assert_eq!(refused.rate.map(|rate| (rate.limit, rate.remaining)), Some((3, 0)));
    bed.clock.advance(wait);
    bed.reserve(customer.reserve(&unique("op"))).await.expect("after the wait");
    bed.reserve(customer.reserve(&unique("op"))).await.expect_err("and one only");
}

async fn one_account_has_one_rate_for_all_its_keys(bed: Bed) {
    let mut customer = bed.customer("Slow", 0).await;
    let email = customer.email.parse().expect("an address");
    for _ in 0..3 {
        customer.key = bed.service.create_key_for(&email, "another").await.expect("a key");
        bed.reserve(customer.reserve(&unique("op"))).await.expect("in the rate");
    }
    customer.key = bed.service.create_key_for(&email, "another").await.expect("a key");
    let refused = bed.reserve(customer.reserve(&unique("op"))).await.expect_err("too fast");
    assert_eq!(refused.code, ErrorCode::RateLimited);
}

async fn an_address_has_a_rate(bed: Bed) {
    let bed = bed.set(&[("billing.limits.anonymous_per_minute", 2)]).await;
    for _ in 0..2 {
        bed.reserve(anonymous("198.51.100.1")).await.expect("in the rate");
    }
    let refused = bed.reserve(anonymous("198.51.100.1")).await.expect_err("too fast");
    assert_eq!(refused.code, ErrorCode::RateLimited);
    bed.reserve(anonymous("198.51.100.2")).await.expect("another address");
    // Whoever has a /64 has one address.
    for host in 1..=2 {
        bed.reserve(anonymous(&format!("2001:db8::{host}"))).await.expect("in the rate");
    }
    let refused = bed.reserve(anonymous("2001:db8::3")).await.expect_err("too fast");
    assert_eq!(refused.code, ErrorCode::RateLimited);
}

async fn an_anonymous_address_has_a_day(bed: Bed) {
    let bed = bed.set(&[("billing.limits.anonymous_per_day", 3)]).await;
    let mut operations = Vec::new();
    for _ in 0..3 {
        let reserved = bed.reserve(anonymous("203.0.113.1")).await.expect("in the day");
        assert_eq!(reserved.credits, 0);
        operations.push(reserved.operation_id);
    }
    let refused = bed.reserve(anonymous("203.0.113.1")).await.expect_err("the day is over");
    assert_eq!(refused.code, ErrorCode::DailyLimit);
    assert!(refused.retry_after.is_some_and(|wait| wait <= Duration::from_secs(86_400)));
    bed.reserve(anonymous("203.0.113.2")).await.expect("another address");
    // What failed does not count, once; what succeeded does.
    for _ in 0..2 {
        bed.release(&operations[0]).await;
        assert_eq!(bed.commit(&operations[1]).await, 0);
    }
    bed.release(&operations[1]).await;
    bed.reserve(anonymous("203.0.113.1")).await.expect("one was given back");
    bed.reserve(anonymous("203.0.113.1")).await.expect_err("and one only");
    bed.clock.advance(Duration::from_secs(86_400));
    bed.reserve(anonymous("203.0.113.1")).await.expect("a new day");
}

/// Whoever never heard the answer gives back by the id that they asked with.
async fn an_anonymous_attempt_is_given_back_unheard(bed: Bed) {
    let bed = bed.set(&[("billing.limits.anonymous_per_day", 1)]).await;
    for _ in 0..2 {
        let request = anonymous("203.0.113.1");
        bed.reserve(request.clone()).await.expect("in the day");
        bed.reserve(anonymous("203.0.113.1")).await.expect_err("the day is over");
        for _ in 0..2 {
            bed.release(&request.operation_id).await;
        }
    }
}
