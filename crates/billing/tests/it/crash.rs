//! Processes killed, servers emptied and restarted, replies lost: afterwards
//! nobody has paid for what they did not get, and nothing differs from the
//! ledger.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::{Billing as _, BillingHandle, ErrorCode, billing_v1 as pb};
use runtime::{config::Layers, shutdown::Shutdown};

use crate::support::{
    Audit, Bed, Customer, Postgres, Process, Proxy, Redis, eventually, layers, redis_command,
    unique,
};

/// What clients of a service were told and asked.
#[derive(Default)]
struct Witness {
    /// Operations that somebody asked to commit: they got their picture.
    delivered: Mutex<HashSet<String>>,
    /// Operations whose charge was told.
    charged: Mutex<HashSet<String>>,
}

impl Witness {
    /// Charges and gives back in turn until the service is gone.
    async fn work(self: Arc<Self>, handle: BillingHandle, customer: Arc<Customer>) {
        for turn in 0.. {
            let operation = unique("killed");
            if handle.reserve(customer.reserve(&operation)).await.is_err() {
                return;
            }
            let operation_id = operation.clone();
            if turn % 3 == 2 {
                if handle.release(pb::ReleaseRequest { operation_id }).await.is_err() {
                    return;
                }
                continue;
            }
            self.delivered.lock().expect("no panic").insert(operation.clone());
            match handle.commit(pb::CommitRequest { operation_id }).await {
                Ok(_) => self.charged.lock().expect("no panic").insert(operation),
                Err(_) => return,
            };
        }
    }
}

async fn killed_at_every_step(bed: Bed, settings: Vec<(&str, String)>) {
    let customer = Arc::new(bed.customer("Premium", 0).await);
    let witness = Arc::new(Witness::default());
    let log = bed.folder.path().join("billing.log");
    for round in 0..8 {
        let mut process = Process::start(&settings, &log).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn(Arc::clone(&witness).work(process.handle(), Arc::clone(&customer)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(30 + 37 * round)).await;
        process.kill();
        for task in tasks {
            task.await.expect("no panic");
        }
    }
    bed.clock.advance(Duration::from_secs(601));
    bed.service.sweep().await.expect("a sweep");
    bed.service.reconcile().await.expect("reconciled");
    let (included, _) = Audit::of(&bed).await.check(&bed, &customer).await;
    let paid = Audit::of(&bed).await.committed(&customer).await;
    assert_eq!(paid.len() as i64, included);
    let delivered = witness.delivered.lock().expect("no panic");
    assert!(paid.is_subset(&delivered), "somebody paid for what they did not get");
    let charged = witness.charged.lock().expect("no panic");
    assert!(charged.is_subset(&paid), "a charge that was told was lost");
    assert!(!charged.is_empty(), "nothing was tested");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(
        log.contains("billing listens") && !log.contains(customer.key.expose()),
        "keys are never logged"
    );
}

fn settings(bed: &Bed) -> Vec<(&'static str, String)> {
    let plans = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/plans.toml");
    vec![
        ("billing.data_dir", bed.folder.path().display().to_string()),
        ("billing.plans_file", plans.to_owned()),
        ("telemetry.log", "trace,h2=info,hyper=info,tower=info".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_killed_at_every_step() {
    let bed = Bed::embedded().await;
    let settings = settings(&bed);
    killed_at_every_step(bed, settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_killed_at_every_step() {
    let bed = Bed::shared().await;
    let mut settings = settings(&bed);
    for key in ["database_url", "redis_url"] {
        let value: String = bed.layers.section(&format!("billing.{key}")).expect("text");
        settings.push((
            if key == "redis_url" { "billing.redis_url" } else { "billing.database_url" },
            value,
        ));
    }
    killed_at_every_step(bed, settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_leaves_in_order() {
    let bed = Bed::embedded().await;
    let mut process = Process::start(&settings(&bed), &bed.folder.path().join("billing.log")).await;
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_flushed_midway() {
    let bed = Bed::shared().await;
    let customer = Arc::new(bed.customer("Premium", 0).await);
    let url = bed.redis.as_ref().expect("there is one").url();
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(charges(bed.service.clone(), Arc::clone(&customer), 40)))
        .collect();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        redis_command(&url, "FLUSHALL", &[]).await;
    }
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), 40, "an empty Redis refuses nobody");
    }
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (320, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_filled_by_itself_and_exactly() {
    let bed = Bed::shared().await;
    let customers = [bed.customer("Free", 2).await, bed.customer("Starter", 0).await];
    for customer in &customers {
        for _ in 0..6 {
            bed.charge(customer).await;
        }
    }
    bed.service.rebuild().await.expect("rebuilt");
    let url = bed.redis.as_ref().expect("there is one").url();
    let before = dump(&url).await;
    redis_command(&url, "FLUSHALL", &[]).await;
    let shutdown = Shutdown::default();
    let running = bed.service.start(&shutdown);
    eventually("Redis is filled again", async || dump(&url).await == before).await;
    shutdown.request();
    running.await.expect("no panic");
    // What somebody changed by hand goes, too.
    let name = format!("users:{}", customers[0].id);
    redis_command(
        &url,
        "HSET",
        &[&name, "prepaid_credits", "999", "version", "999", "latest", "999"],
    )
    .await;
    assert_eq!(bed.service.rebuild().await.expect("rebuilt").accounts, 2);
    assert_eq!(dump(&url).await, before);
}

/// Every key of the contract with its value.
async fn dump(url: &str) -> Vec<(String, Vec<String>)> {
    let mut keys = redis_command(url, "KEYS", &["users:*"]).await;
    keys.sort();
    let mut dump = Vec::new();
    for key in keys {
        let hash = redis_command(url, "TYPE", &[&key]).await == ["hash"];
        let mut value = redis_command(url, if hash { "HGETALL" } else { "GET" }, &[&key]).await;
        value.sort();
        dump.push((key, value));
    }
    dump
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_from_redis_counts_once() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port()).await;
    let database = Postgres::shared().database(&unique("bed"));
    let layers: Layers = layers()
        .flag("billing.database_url", Some(database))
        .flag("billing.redis_url", Some(proxy.url()));
    let bed = Bed::with(layers, Some(redis)).await;
    let customer = bed.customer("Premium", 0).await;
    for nth in 1..=20 {
        let operation = unique("op");
        if nth % 2 == 0 {
            proxy.lose_one();
        }
        let reserved = bed.reserve(customer.reserve(&operation)).await.expect("asked again");
        let rate = reserved.rate.expect("told");
        assert!(rate.remaining >= rate.limit - nth, "the rate was counted twice");
        if nth % 2 == 1 {
            proxy.lose_one();
        }
        assert_eq!(bed.commit(&operation).await, 1);
        assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (nth.into(), 0));
    }
    assert!(proxy.lost() >= 20, "{} replies were lost", proxy.lost());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_charges_are_kept_and_counted_later() {
    let mut bed = Bed::shared().await;
    let customer = bed.customer("Premium", 0).await;
    let operation = unique("op");
    bed.reserve(customer.reserve(&operation)).await.expect("credits");
    bed.redis.as_mut().expect("there is one").stop();
    assert_eq!(bed.commit(&operation).await, 1, "the picture was delivered: it is charged");
    let refused =
        bed.reserve(customer.reserve(&unique("op"))).await.expect_err("no limits, no work");
    assert_eq!(refused.code, ErrorCode::Unavailable);
    assert!(!bed.service.is_ready().await);
    bed.redis.as_mut().expect("there is one").resume();
    eventually("ready again", async || bed.service.is_ready().await).await;
    bed.service.reconcile().await.expect("reconciled");
    assert_eq!(Audit::of(&bed).await.check(&bed, &customer).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_midway() {
    postgres_gone_midway("INT").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_crashed_midway() {
    // No shutdown at all: it recovers from its log when it is resumed.
    postgres_gone_midway("QUIT").await;
}

async fn postgres_gone_midway(signal: &str) {
    let mut postgres = Postgres::start();
    let redis = Redis::start();
    let layers = layers()
        .flag("billing.database_url", Some(postgres.database("bed")))
        .flag("billing.redis_url", Some(redis.url()));
    let bed = Bed::with(layers, Some(redis)).await;
    let customer = Arc::new(bed.customer("Premium", 0).await);
    let tasks: Vec<_> = (0..6)
        .map(|_| tokio::spawn(charges(bed.service.clone(), Arc::clone(&customer), 60)))
        .collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    postgres.0.stop(signal);
    tokio::time::sleep(Duration::from_millis(200)).await;
    postgres.0.resume();
    postgres.wait_ready();
    let mut told = 0;
    for task in tasks {
        told += task.await.expect("no panic");
    }
    assert_eq!(bed.charge(&customer).await, 1, "it works again");
    bed.clock.advance(Duration::from_secs(601));
    bed.service.sweep().await.expect("a sweep");
    bed.service.reconcile().await.expect("reconciled");
    let (included, _) = Audit::of(&bed).await.check(&bed, &customer).await;
    assert!(included > told, "{told} charges were told, {included} stand");
}

/// Charges so many times, going on after errors; how many were told.
async fn charges(service: billing::BillingService, customer: Arc<Customer>, times: usize) -> i64 {
    let mut told = 0;
    for _ in 0..times {
        let operation = unique("op");
        if service.reserve(customer.reserve(&operation)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        let commit = pb::CommitRequest { operation_id: operation };
        told += service
            .commit(commit)
            .await
            .map_or(0, |committed| i64::from(committed.credits_charged));
    }
    told
}
