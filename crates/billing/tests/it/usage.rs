//! `membership-usage`: every parameter in both modes of the window. Windows of
//! Stripe are set by events, in the tests of Stripe.

use std::time::Duration;

use billing::{
    clock::Moment,
    counters::{Load, Profile, Projection},
    store::CycleUsage,
};
use proto::{Billing as _, ErrorCode, billing_v1 as pb};

use crate::support::{Bed, Customer, on_both, redis_command, unique};

on_both! {
    an_account_without_use_has_zeroes
    months_are_counted_apart
    a_window_can_be_picked
    numbers_out_of_range_are_refused
    windows_end_where_the_next_begins
    a_lapsed_subscription_falls_back_to_the_month
    the_hash_and_the_counters_have_the_names_of_the_contract
}

/// 2025-03-10T12:00:00Z.
const MARCH: i64 = 1_741_608_000;
const MARCH_START: i64 = 1_740_787_200;
const MARCH_END: i64 = 1_743_465_599;
const APRIL_START: i64 = 1_743_465_600;

async fn an_account_without_use_has_zeroes(bed: Bed) {
    bed.clock.set(Moment::from_seconds(MARCH));
    let customer = bed.customer("Free", 0).await;
    let usage = bed.usage(&customer).await;
    assert_eq!((usage.membership.as_str(), usage.credits, usage.prepaid_credits), ("Free", 5, 0));
    assert_eq!((usage.app_usage, usage.api_usage), (0, 0));
    let expected = pb::BillingCycle {
        period_start_unix: MARCH_START,
        period_end_unix: MARCH_END,
        included_credits: 5,
        remaining_included_credits: 5,
        ..Default::default()
    };
    assert_eq!(usage.billing_cycle, Some(expected));
    assert_eq!(bed.cycles(&customer).await, []);
    let without = bed.ask_usage(&customer, |ask| ask.include_billing_cycle = false).await;
    assert_eq!(without.billing_cycle, None);
}

async fn charge(bed: &Bed, customer: &Customer, times: u32) {
    for _ in 0..times {
        bed.charge(customer).await;
    }
}

async fn months_are_counted_apart(bed: Bed) {
    bed.clock.set(Moment::from_seconds(MARCH));
    let customer = bed.customer("Free", 0).await;
    charge(&bed, &customer, 5).await;
    bed.reserve(customer.reserve(&unique("op"))).await.expect_err("March is used up");
    bed.clock.set(Moment::from_seconds(APRIL_START + 60));
    charge(&bed, &customer, 2).await;
    for (year, month, expected) in [
        (None, None, 2),
        (Some(2025), Some(3), 5),
        (Some(2025), None, 2),
        (None, Some(3), 5),
        (Some(2024), Some(3), 0),
        (Some(1), Some(1), 0),
        (Some(9999), Some(12), 0),
    ] {
        let usage = bed.ask_usage(&customer, |ask| (ask.year, ask.month) = (year, month)).await;
        assert_eq!((usage.app_usage, usage.api_usage), (0, expected), "{year:?} {month:?}");
        let cycle = usage.billing_cycle.expect("asked for");
        assert_eq!(
            (cycle.period_start_unix, cycle.api_usage),
            (APRIL_START, 2),
            "the current window"
        );
    }
}

async fn a_window_can_be_picked(bed: Bed) {
    bed.clock.set(Moment::from_seconds(MARCH));
    let customer = bed.customer("Free", 0).await;
    charge(&bed, &customer, 3).await;
    bed.clock.set(Moment::from_seconds(APRIL_START + 60));
    charge(&bed, &customer, 1).await;
    for (start, end, used) in [
        (MARCH_START, MARCH_END, 3),
        (APRIL_START, APRIL_START + 30 * 86_400 - 1, 1),
        (MARCH_START - 7, MARCH_START - 1, 0),
    ] {
        let usage = bed.ask_usage(&customer, |ask| ask.period_start_unix = Some(start)).await;
        assert_eq!(usage.api_usage, used);
        let cycle = usage.billing_cycle.expect("asked for");
        assert_eq!((cycle.period_start_unix, cycle.period_end_unix), (start, end));
        assert_eq!(
            (cycle.used_included_credits, cycle.remaining_included_credits),
            (used, 5 - used)
        );
    }
}

async fn numbers_out_of_range_are_refused(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    for (year, month) in [(0, 1), (10_000, 1), (2025, 0), (2025, 13)] {
        let request = pb::GetMembershipUsageRequest {
            caller: Some(customer.caller()),
            year: Some(year),
            month: Some(month),
            ..Default::default()
        };
        let refused = bed.service.get_membership_usage(request).await.expect_err("out of range");
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
    }
}

async fn windows_end_where_the_next_begins(bed: Bed) {
    bed.clock.set(Moment::from_seconds(MARCH));
    let customer = bed.customer("Free", 0).await;
    charge(&bed, &customer, 2).await;
    bed.clock.set(Moment::from_seconds(APRIL_START + 60));
    charge(&bed, &customer, 1).await;
    let ends = |cycles: &[pb::CycleUsage]| -> Vec<(i64, i64, i64)> {
        cycles.iter().map(|c| (c.period_start_unix, c.period_end_unix, c.api_usage)).collect()
    };
    let april_end = APRIL_START + 30 * 86_400 - 1;
    let cycles = bed.cycles(&customer).await;
    assert_eq!(ends(&cycles), [(APRIL_START, april_end, 1), (MARCH_START, MARCH_END, 2)]);
    // A window of Stripe's that begins within April cuts it short.
    let (start, end) = (APRIL_START + 86_400, APRIL_START + 31 * 86_400);
    let profile =
        bed.service.counters().profile(customer.id).await.expect("counters").expect("loaded");
    let synced = Projection {
        profile: Profile { period: Some((start, end)), version: profile.version + 10, ..profile },
        cycles: vec![CycleUsage { start, end, app: 4, api: 5 }],
        months: Vec::new(),
    };
    bed.service.counters().load(&synced, Load::Careful).await.expect("loaded");
    let cycles = bed.cycles(&customer).await;
    let newest = cycles.first().expect("there is use");
    assert_eq!((newest.period_start_unix, newest.period_end_unix), (start, end));
    assert_eq!((newest.app_usage, newest.api_usage), (4, 5));
}

async fn a_lapsed_subscription_falls_back_to_the_month(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    bed.service.store().set_plan(customer.id, "Premium").await.expect("set");
    assert_eq!(bed.usage(&customer).await.membership, "Premium");
    bed.service.store().set_plan(customer.id, "Gone from the file").await.expect("set");
    let usage = bed.usage(&customer).await;
    assert_eq!((usage.membership.as_str(), usage.credits), ("Free", 5));
    bed.clock.advance(Duration::from_secs(1));
}

async fn the_hash_and_the_counters_have_the_names_of_the_contract(bed: Bed) {
    let Some(url) = bed.redis.as_ref().map(|redis| redis.url()) else { return };
    bed.clock.set(Moment::from_seconds(MARCH));
    let customer = bed.customer("Free", 3).await;
    charge(&bed, &customer, 2).await;
    let user = format!("users:{}", customer.id);
    let fields =
        ["membership", "credits", "prepaid_credits", "billing_period_start", "billing_period_end"];
    let arguments: Vec<&str> = std::iter::once(user.as_str()).chain(fields).collect();
    assert_eq!(redis_command(&url, "HMGET", &arguments).await, ["Free", "5", "3"]);
    for (name, expected) in [
        (format!("{user}:api_usage:2025:3"), "2"),
        (format!("{user}:api_usage:cycle:{MARCH_START}"), "2"),
    ] {
        assert_eq!(redis_command(&url, "GET", &[&name]).await, [expected], "{name}");
    }
    assert_eq!(redis_command(&url, "KEYS", &["users:*"]).await.len(), 3, "and no others");
}
