//! The life of a charge.

use proto::ErrorCode;

use crate::support::{Bed, unique};

#[tokio::test]
async fn a_commit_charges_once_and_a_release_gives_back() {
    let bed = Bed::embedded().await;
    let customer = bed.customer("Free", 2).await;
    let operation = unique("op");
    let reserved = bed.reserve(customer.reserve(&operation)).await.expect("credits");
    assert_eq!((reserved.credits, &reserved.operation_id), (1, &operation));
    assert_eq!(reserved.rate.map(|rate| (rate.limit, rate.remaining)), Some((60, 59)));
    assert_eq!(bed.reserve(customer.reserve(&operation)).await.expect("the same").credits, 1);
    for _ in 0..2 {
        assert_eq!(bed.commit(&operation).await, 1);
    }
    bed.release(&operation).await;
    let usage = bed.usage(&customer).await;
    let cycle = usage.billing_cycle.expect("asked for");
    assert_eq!((usage.app_usage, usage.api_usage, usage.prepaid_credits), (0, 1, 2));
    assert_eq!((cycle.used_included_credits, cycle.remaining_included_credits), (1, 49));
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let bed = Bed::embedded().await;
    let mut customer = bed.customer("Free", 0).await;
    customer.key = billing::secret::ApiKey::generate();
    let refused = bed.reserve(customer.reserve("op")).await.expect_err("no such key");
    assert_eq!(refused.code, ErrorCode::InvalidApiKey);
}
