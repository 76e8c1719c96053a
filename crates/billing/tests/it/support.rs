//! A service to test, with an account on it.

use std::sync::atomic::{AtomicU64, Ordering};

use billing::{BillingConfig, BillingService, admin::AccountOrder, clock::Clock, config, identity::AccountId, secret::ApiKey};
use proto::{
    Billing as _, ServiceError,
    billing_v1::{self as pb, caller::Credential},
};
use runtime::config::Layers;

/// A service and what it stands on.
pub(crate) struct Bed {
    pub(crate) service: BillingService,
    pub(crate) clock: Clock,
    pub(crate) config: BillingConfig,
    _folder: tempfile::TempDir,
}

/// An account with one key.
pub(crate) struct Customer {
    pub(crate) id: AccountId,
    pub(crate) email: String,
    pub(crate) key: ApiKey,
}

impl Bed {
    /// SQLite and counters in this process.
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let layers = Layers::new(config::DEFAULTS).flag("billing.data_dir", Some(folder.path()));
        let config = BillingConfig::from_layers(&layers).expect("valid configuration");
        let clock = Clock::default();
        let service = BillingService::build_with_clock(&config, clock.clone()).await.expect("a service");
        Self { service, clock, config, _folder: folder }
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

    pub(crate) async fn reserve(&self, request: pb::ReserveRequest) -> Result<pb::ReserveResponse, ServiceError> {
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

    pub(crate) async fn usage(&self, customer: &Customer) -> pb::GetMembershipUsageResponse {
        let request = pb::GetMembershipUsageRequest {
            caller: Some(customer.caller()),
            include_billing_cycle: true,
            ..Default::default()
        };
        self.service.get_membership_usage(request).await.expect("usage")
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
}

/// A name that no other test uses.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
