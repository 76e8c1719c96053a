//! The life of a charge: what is held, charged and given back.

use std::{sync::Arc, time::Duration};

use proto::{Billing as _, ErrorCode, billing_v1 as pb};

use crate::support::{Audit, Bed, on_both, unique};

on_both! {
    a_commit_charges_once
    a_release_gives_back_once
    an_operation_is_one_whoever_repeats_it
    included_credits_go_first
    nothing_is_charged_beyond_the_last_credit
    exactly_as_many_succeed_as_credits_remain
    the_same_idempotency_key_is_charged_once
    a_concurrent_repetition_is_charged_once
    a_repetition_inherits_a_released_hold
    idempotency_ends_after_a_day_and_tells_requests_apart
    what_a_crash_left_is_swept
    a_key_of_another_process_works_at_once
}

async fn a_commit_charges_once(bed: Bed) {
    let customer = bed.customer("Free", 2).await;
    let operation = unique("op");
    let reserved = bed.reserve(customer.reserve(&operation)).await.expect("credits");
    assert_eq!((reserved.credits, &reserved.operation_id), (1, &operation));
    for _ in 0..3 {
        assert_eq!(bed.commit(&operation).await, 1);
    }
    bed.release(&operation).await;
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((usage.app_usage, usage.api_usage, usage.prepaid_credits), (0, 1, 2));
    assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (1, 4));
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (1, 0));
}

async fn a_release_gives_back_once(bed: Bed) {
    let customer = bed.customer("Free", 1).await;
    let operations: Vec<String> = (0..6).map(|_| unique("op")).collect();
    for operation in &operations {
        bed.reserve(customer.reserve(operation)).await.expect("credits");
    }
    for operation in operations.iter().chain(&operations) {
        bed.release(operation).await;
    }
    assert_eq!(bed.commit(&operations[0]).await, 0);
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (0, 0));
    for _ in 0..6 {
        bed.charge(&customer).await;
    }
}

async fn an_operation_is_one_whoever_repeats_it(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    let other = bed.customer("Free", 0).await;
    let operation = unique("op");
    for _ in 0..10 {
        assert_eq!(bed.reserve(customer.reserve(&operation)).await.expect("the same").credits, 1);
    }
    let foreign = bed.reserve(other.reserve(&operation)).await.expect_err("another's");
    assert_eq!(foreign.code, ErrorCode::Conflict);
    let commit = pb::CommitRequest { operation_id: unique("never") };
    assert_eq!(bed.service.commit(commit).await.expect_err("unknown").code, ErrorCode::NotFound);
    bed.release(&unique("never")).await;
}

async fn included_credits_go_first(bed: Bed) {
    let customer = bed.customer("Free", 3).await;
    for _ in 0..7 {
        assert_eq!(bed.charge(&customer).await, 1);
    }
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((usage.credits, usage.prepaid_credits, usage.api_usage), (5, 1, 5));
    assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (5, 0));
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (5, 2));
}

async fn nothing_is_charged_beyond_the_last_credit(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    for _ in 0..5 {
        bed.charge(&customer).await;
    }
    let refused = bed.reserve(customer.reserve(&unique("op"))).await.expect_err("no credits");
    assert_eq!(refused.code, ErrorCode::OutOfCredits);
    let month = Duration::from_secs(31 * 86_400);
    assert!(refused.retry_after.is_some_and(|wait| wait > Duration::ZERO && wait <= month));
    assert!(refused.rate.is_some_and(|rate| rate.limit == 100_000));
    let usage = bed.usage(&customer).await;
    assert_eq!((usage.prepaid_credits, usage.api_usage), (0, 5));
    let mut dear = customer.reserve(&unique("op"));
    dear.credits = 0;
    assert_eq!(bed.reserve(dear).await.expect("costs nothing").credits, 0);
}

async fn exactly_as_many_succeed_as_credits_remain(bed: Bed) {
    let customer = Arc::new(bed.customer("Free", 4).await);
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (service, customer) = (bed.service.clone(), Arc::clone(&customer));
            tokio::spawn(async move {
                let operation = unique("last");
                match service.reserve(customer.reserve(&operation)).await {
                    Ok(reserved) => {
                        let commit = pb::CommitRequest { operation_id: reserved.operation_id };
                        service.commit(commit).await.expect("a commit").credits_charged
                    }
                    Err(error) => {
                        assert_eq!(error.code, ErrorCode::OutOfCredits);
                        0
                    }
                }
            })
        })
        .collect();
    let mut charged = 0;
    for task in tasks {
        charged += task.await.expect("no panic");
    }
    assert_eq!(charged, 9);
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (5, 4));
}

async fn the_same_idempotency_key_is_charged_once(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    for (nth, charged) in [(1, 1), (2, 0), (3, 0)] {
        let operation = unique("op");
        let reserved =
            bed.reserve(customer.reserve_once(&operation, "key")).await.expect("credits");
        assert_eq!(reserved.credits, charged, "attempt {nth}");
        assert_eq!(bed.commit(&operation).await, charged, "attempt {nth}");
    }
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (1, 0));
}

async fn a_concurrent_repetition_is_charged_once(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    // Four of five credits are gone: the repetition must not need a second one.
    for _ in 0..4 {
        bed.charge(&customer).await;
    }
    let [first, second, third] = [unique("op"), unique("op"), unique("op")];
    for operation in [&first, &second, &third] {
        let reserved =
            bed.reserve(customer.reserve_once(operation, "key")).await.expect("one credit");
        assert_eq!(reserved.credits, 1);
    }
    assert_eq!(bed.commit(&second).await, 1);
    bed.release(&third).await;
    assert_eq!(bed.commit(&first).await, 0);
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (5, 0));
}

async fn a_repetition_inherits_a_released_hold(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    let [first, second] = [unique("op"), unique("op")];
    for operation in [&first, &second] {
        bed.reserve(customer.reserve_once(operation, "key")).await.expect("one credit");
    }
    bed.release(&first).await;
    assert_eq!(bed.commit(&second).await, 1);
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (1, 0));
    // And where all fail, nothing is charged and nothing stays held.
    let [first, second] = [unique("op"), unique("op")];
    for operation in [&first, &second] {
        bed.reserve(customer.reserve_once(operation, "other")).await.expect("one credit");
    }
    bed.release(&second).await;
    bed.release(&first).await;
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (1, 0));
}

async fn idempotency_ends_after_a_day_and_tells_requests_apart(bed: Bed) {
    let customer = bed.customer("Starter", 0).await;
    let attempt = async |fingerprint: &'static [u8]| {
        let operation = unique("op");
        let mut request = customer.reserve_once(&operation, "key");
        request.request_fingerprint = fingerprint.into();
        bed.reserve(request).await.expect("credits");
        bed.commit(&operation).await
    };
    assert_eq!((attempt(b"one").await, attempt(b"one").await, attempt(b"two").await), (1, 0, 1));
    bed.clock.advance(Duration::from_secs(24 * 3600 + 2));
    assert_eq!(attempt(b"one").await, 1);
    let other = bed.customer("Starter", 0).await;
    let operation = unique("op");
    bed.reserve(other.reserve_once(&operation, "key")).await.expect("credits");
    assert_eq!(bed.commit(&operation).await, 1, "another account's key is another key");
}

async fn what_a_crash_left_is_swept(bed: Bed) {
    let customer = bed.customer("Free", 2).await;
    let operations: Vec<String> = (0..7).map(|_| unique("op")).collect();
    for operation in &operations {
        bed.reserve(customer.reserve(operation)).await.expect("credits");
    }
    assert_eq!(bed.service.sweep().await.expect("a sweep"), 0, "not yet");
    bed.clock.advance(Duration::from_secs(601));
    assert_eq!(bed.service.sweep().await.expect("a sweep"), 7);
    assert_eq!(bed.commit(&operations[0]).await, 0, "what was given back is not charged");
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (0, 0));
    for _ in 0..7 {
        bed.charge(&customer).await;
    }
}

async fn a_key_of_another_process_works_at_once(bed: Bed) {
    let customer = bed.customer("Free", 0).await;
    bed.usage(&customer).await;
    let command_line = bed.restarted().await;
    command_line.grant_prepaid(customer.id, 7).await.expect("a grant");
    assert_eq!(bed.usage(&customer).await.prepaid_credits, 7);
    let email = customer.email.parse().expect("an address");
    let key = command_line.create_key_for(&email, "second").await.expect("a key");
    let second = crate::support::Customer { id: customer.id, email: customer.email.clone(), key };
    assert_eq!(bed.charge(&second).await, 1);
    let keys = command_line.keys_of(&email).await.expect("keys");
    assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["test", "second"]);
    command_line.revoke_key_of(&email, keys[1].id).await.expect("ended");
    let refused = bed.reserve(second.reserve(&unique("op"))).await.expect_err("revoked");
    assert_eq!(refused.code, ErrorCode::InvalidApiKey);
}
