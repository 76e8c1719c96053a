//! Random interleavings of everything that can happen to charges, with crashes
//! in between; afterwards the ledger, the sums beside it, the counters and the
//! answers agree, and what was charged is what was committed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    task::Poll,
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use proto::{Billing as _, billing_v1 as pb};

use crate::support::{Audit, Bed, Customer, on_both, unique};

on_both! {
    every_interleaving_adds_up
    ten_thousand_pairs_leave_no_drift
}

/// What commits told, by operation.
type Told = Mutex<HashMap<String, u32>>;

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        slot: usize,
        credits: u32,
        idempotent: Option<u8>,
    },
    Commit(usize),
    Release(usize),
    /// A caller that goes away in the middle of a call.
    Abandon(usize),
    Grant(u32),
    Sweep,
    Reconcile,
    Rebuild,
    LoseCounters,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reserve = (0usize..12, 0u32..3, prop::option::of(0u8..3))
        .prop_map(|(slot, credits, idempotent)| Step::Reserve { slot, credits, idempotent });
    let step = prop_oneof![
        10 => reserve,
        8 => (0usize..12).prop_map(Step::Commit),
        5 => (0usize..12).prop_map(Step::Release),
        2 => (0usize..12).prop_map(Step::Abandon),
        1 => (1u32..4).prop_map(Step::Grant),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reconcile),
        1 => Just(Step::Rebuild),
        1 => Just(Step::LoseCounters),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..80)
}

async fn every_interleaving_adds_up(mut bed: Bed) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for _ in 0..12 {
        let steps = steps().new_tree(&mut runner).expect("steps").current();
        let customer = bed.customer("Free", 3).await;
        let told = Told::default();
        let mut slots: Vec<String> = (0..12).map(|_| unique("slot")).collect();
        for chunk in steps.chunks(4) {
            // What may happen at once does; the rest happens between.
            let together = chunk.iter().map(|step| call(&bed, &customer, &slots, step, &told));
            join(together).await;
            for step in chunk {
                disturb(&mut bed, &customer, &mut slots, step).await;
            }
        }
        bed.clock.advance(Duration::from_secs(601));
        bed.service.sweep().await.expect("a sweep");
        bed.service.reconcile().await.expect("reconciled");
        let (included, prepaid) = Audit::of(&bed).await.check(&bed, &customer).await;
        let told: i64 =
            told.lock().expect("no panic").values().map(|credits| i64::from(*credits)).sum();
        assert!(
            included + prepaid >= told,
            "{steps:?}: {told} were told, {included} + {prepaid} charged"
        );
        assert!(included <= 5, "{steps:?}");
    }
}

/// Does one call, and notes what a commit told.
async fn call(bed: &Bed, customer: &Customer, slots: &[String], step: &Step, told: &Told) {
    match step {
        Step::Reserve { slot, credits, idempotent } => {
            let mut request = customer.reserve(&slots[*slot]);
            request.credits = *credits;
            request.idempotency_key = idempotent.map(|key| key.to_string()).unwrap_or_default();
            // Running out of credits is part of the game.
            let _ = bed.reserve(request).await;
        }
        Step::Commit(slot) => {
            let request = pb::CommitRequest { operation_id: slots[*slot].clone() };
            if let Ok(committed) = bed.service.commit(request).await {
                let before = told
                    .lock()
                    .expect("no panic")
                    .insert(slots[*slot].clone(), committed.credits_charged);
                assert!(
                    before.is_none_or(|before| before == committed.credits_charged),
                    "told otherwise before"
                );
            }
        }
        Step::Release(slot) => bed.release(&slots[*slot]).await,
        Step::Abandon(slot) => {
            let request = pb::CommitRequest { operation_id: slots[*slot].clone() };
            let _ =
                tokio::time::timeout(Duration::from_micros(300), bed.service.commit(request)).await;
        }
        _ => {}
    }
}

async fn disturb(bed: &mut Bed, customer: &Customer, slots: &mut [String], step: &Step) {
    match step {
        Step::Grant(credits) => {
            bed.service.grant_prepaid(customer.id, *credits).await.expect("granted")
        }
        Step::Sweep => {
            bed.service.sweep().await.expect("a sweep");
        }
        Step::Reconcile => {
            bed.service.reconcile().await.expect("reconciled");
        }
        Step::Rebuild => {
            bed.service.rebuild().await.expect("rebuilt");
        }
        Step::LoseCounters => bed.lose_counters().await,
        Step::Crash => {
            bed.service = bed.restarted().await;
            slots[0] = unique("slot");
        }
        _ => {}
    }
}

/// Runs calls at once, on one task, so that each of their waits is a place to
/// interleave.
async fn join(calls: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut running: Vec<_> = calls.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|call| call.as_mut().poll(context).is_pending());
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// 10,000 pairs from 32 tasks; prints what one costs.
#[expect(clippy::print_stdout, reason = "docs/benchmarks.md takes the figure from here")]
async fn ten_thousand_pairs_leave_no_drift(bed: Bed) {
    const PAIRS: usize = 10_000;
    const TASKS: usize = 32;
    let customer = Arc::new(bed.customer("Premium", 0).await);
    bed.charge(&customer).await;
    let reserve = median(50, async || {
        let operation = unique("alone");
        let started = Instant::now();
        bed.reserve(customer.reserve(&operation)).await.expect("credits");
        let took = started.elapsed();
        bed.release(&operation).await;
        took
    })
    .await;
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (service, customer) = (bed.service.clone(), Arc::clone(&customer));
            let pairs = PAIRS / TASKS + usize::from(task < PAIRS % TASKS);
            tokio::spawn(async move {
                for _ in 0..pairs {
                    let operation = unique("pair");
                    let reserved =
                        service.reserve(customer.reserve(&operation)).await.expect("credits");
                    let commit = pb::CommitRequest { operation_id: reserved.operation_id };
                    assert_eq!(service.commit(commit).await.expect("a commit").credits_charged, 1);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let took = started.elapsed();
    bed.service.reconcile().await.expect("reconciled");
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (PAIRS as i64 + 1, 0));
    let backend = if bed.redis.is_some() { "Postgres + Redis" } else { "SQLite + in process" };
    println!(
        "{backend}: {PAIRS} pairs from {TASKS} tasks in {took:.2?}, {:.3?} a pair; one reserve alone {reserve:.3?} at the median",
        took / PAIRS as u32
    );
}

async fn median(times: usize, mut measure: impl AsyncFnMut() -> Duration) -> Duration {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        all.push(measure().await);
    }
    all.sort();
    all[times / 2]
}
