//! A service to test on either backend, with accounts on it.

mod audit;
mod process;
mod proxy;
mod servers;
mod stripe;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use billing::{
    BillingConfig, BillingService, admin::AccountOrder, clock::Clock, config, identity::AccountId,
    secret::ApiKey,
};
use proto::{
    Billing as _, ServiceError,
    billing_v1::{self as pb, caller::Credential},
};
use runtime::config::Layers;

pub(crate) use audit::Audit;
pub(crate) use process::Process;
pub(crate) use proxy::Proxy;
use servers::free_port;
pub(crate) use servers::{Postgres, Redis};
pub(crate) use stripe::{Api, StripeStandIn, signatures};

/// A service and what it stands on.
pub(crate) struct Bed {
    pub(crate) service: BillingService,
    pub(crate) clock: Clock,
    pub(crate) layers: Layers,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) redis: Option<Redis>,
}

/// An account with one key.
pub(crate) struct Customer {
    pub(crate) id: AccountId,
    pub(crate) email: String,
    pub(crate) key: ApiKey,
}

/// Runs each test on both backends.
macro_rules! on_both {
    ($($test:ident)+) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::Bed::embedded().await).await;
            })+
        }
        mod shared {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::support::Bed::shared().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

impl Bed {
    /// SQLite and counters in this process.
    pub(crate) async fn embedded() -> Self {
        Self::with(layers(), None).await
    }

    /// Postgres and Redis.
    pub(crate) async fn shared() -> Self {
        let redis = Redis::start();
        let database = Postgres::shared().database(&unique("bed"));
        let layers = layers()
            .flag("billing.database_url", Some(database))
            .flag("billing.redis_url", Some(redis.url()));
        Self::with(layers, Some(redis)).await
    }

    pub(crate) async fn with(layers: Layers, redis: Option<Redis>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let layers = layers.flag("billing.data_dir", Some(folder.path()));
        let clock = Clock::default();
        let service = build(&layers, &clock).await;
        Self { service, clock, layers, folder, redis }
    }

    /// Another service on the same store and counters: a second replica, or
    /// the first after a crash. Counters in a process begin empty.
    pub(crate) async fn restarted(&self) -> BillingService {
        build(&self.layers, &self.clock).await
    }

    /// The same bed under other settings.
    pub(crate) async fn set(mut self, settings: &[(&str, u32)]) -> Self {
        for (key, value) in settings {
            self.layers = self.layers.flag(key, Some(*value));
        }
        self.service = self.restarted().await;
        self
    }

    /// Empties the counters, as a crash of Redis or a restart does.
    pub(crate) async fn lose_counters(&mut self) {
        match &self.redis {
            Some(redis) => {
                redis_command(&redis.url(), "FLUSHALL", &[]).await;
            }
            None => self.service = self.restarted().await,
        }
    }

    /// Every byte of the store, as a thief would have it.
    pub(crate) fn everything_stored(&self) -> Vec<u8> {
        let url: String = self.layers.section("billing.database_url").expect("text");
        if !url.is_empty() {
            return servers::dump(&url);
        }
        let files = ["rembg.db", "rembg.db-wal"].map(|name| self.folder.path().join(name));
        files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
    }

    /// A verified account on a plan, with prepaid credits and a key.
    pub(crate) async fn customer(&self, plan: &str, prepaid: u32) -> Customer {
        let email = format!("{}@example.org", unique("customer"));
        let order = AccountOrder {
            email: email.parse().expect("an address"),
            verified: true,
            plan: Some(plan.to_owned()),
            prepaid,
        };
        let id = self.service.create_account(&order).await.expect("an account");
        let key = self.service.create_key_for(&order.email, "test").await.expect("a key");
        Customer { id, email, key }
    }

    pub(crate) async fn reserve(
        &self,
        request: pb::ReserveRequest,
    ) -> Result<pb::ReserveResponse, ServiceError> {
        self.service.reserve(request).await
    }

    pub(crate) async fn commit(&self, operation: &str) -> u32 {
        let request = pb::CommitRequest { operation_id: operation.to_owned() };
        self.service.commit(request).await.expect("a commit").credits_charged
    }

    pub(crate) async fn release(&self, operation: &str) {
        let request = pb::ReleaseRequest { operation_id: operation.to_owned() };
        self.service.release(request).await.expect("a release");
    }

    /// One picture, from reserve to commit.
    pub(crate) async fn charge(&self, customer: &Customer) -> u32 {
        let operation = unique("charge");
        self.reserve(customer.reserve(&operation)).await.expect("credits");
        self.commit(&operation).await
    }

    pub(crate) async fn usage(&self, customer: &Customer) -> pb::GetMembershipUsageResponse {
        self.ask_usage(customer, |_| {}).await
    }

    pub(crate) async fn ask_usage(
        &self,
        customer: &Customer,
        ask: impl FnOnce(&mut pb::GetMembershipUsageRequest),
    ) -> pb::GetMembershipUsageResponse {
        let mut request = pb::GetMembershipUsageRequest {
            caller: Some(customer.caller()),
            include_billing_cycle: true,
            ..Default::default()
        };
        ask(&mut request);
        self.service.get_membership_usage(request).await.expect("usage")
    }

    pub(crate) async fn cycles(&self, customer: &Customer) -> Vec<pb::CycleUsage> {
        let request = pb::ListBillingCyclesRequest { caller: Some(customer.caller()) };
        self.service.list_billing_cycles(request).await.expect("cycles").billing_cycles
    }
}

impl Customer {
    pub(crate) fn caller(&self) -> pb::Caller {
        pb::Caller {
            credential: Some(Credential::ApiKey(self.key.expose().to_owned())),
            address: "192.0.2.1".to_owned(),
        }
    }

    /// A reservation of one credit.
    pub(crate) fn reserve(&self, operation: &str) -> pb::ReserveRequest {
        pb::ReserveRequest {
            caller: Some(self.caller()),
            operation_id: operation.to_owned(),
            credits: 1,
            ..Default::default()
        }
    }

    /// A reservation under an Idempotency-Key.
    pub(crate) fn reserve_once(&self, operation: &str, key: &str) -> pb::ReserveRequest {
        pb::ReserveRequest {
            idempotency_key: key.to_owned(),
            request_fingerprint: b"picture"[..].into(),
            ..self.reserve(operation)
        }
    }
}

/// Passwords cost little here, and answers have no floor.
pub(crate) fn layers() -> Layers {
    Layers::new(config::DEFAULTS)
        .flag("billing.accounts.argon2_memory_kib", Some(64))
        .flag("billing.accounts.argon2_passes", Some(1))
        .flag("billing.accounts.answer_floor_ms", Some(0))
        .flag(
            "billing.plans_file",
            Some(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/plans.toml")),
        )
}

async fn build(layers: &Layers, clock: &Clock) -> BillingService {
    let config = BillingConfig::from_layers(layers).expect("valid configuration");
    BillingService::build_with_clock(&config, clock.clone()).await.expect("a service")
}

/// A name that no other test uses.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One command to a Redis, its answer as texts.
pub(crate) async fn redis_command(url: &str, name: &str, arguments: &[&str]) -> Vec<String> {
    use deadpool_redis::redis::{self, FromRedisValue as _, Value};
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let value: Value =
        redis::cmd(name).arg(arguments).query_async(&mut connection).await.expect("an answer");
    match value {
        Value::Nil => Vec::new(),
        Value::Array(values) => {
            values.into_iter().filter_map(|v| String::from_redis_value(v).ok()).collect()
        }
        other => String::from_redis_value(other).into_iter().collect(),
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}
