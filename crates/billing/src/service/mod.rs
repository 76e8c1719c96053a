//! The billing service: one `impl` of the trait that the gateway asks, with the
//! work in the files beside it.

mod accounts;
mod caller;
mod charge;
mod fault;
mod keys;
mod stripe;
mod sync;
mod upkeep;
mod usage;

use std::sync::Arc;

use async_trait::async_trait;
use proto::{Billing, ServiceError, billing_v1 as pb};

use crate::{
    BuildError,
    clock::Clock,
    config::{BillingConfig, given},
    counters::Counters,
    identity::AccountId,
    mail::Mailer,
    password::Passwords,
    plans::Plans,
    secret::ApiKey,
    store::{KeyRecord, Store},
    stripe::{Signatures, Stripe},
};

pub use sync::Rebuilt;

type Answer<T> = Result<T, ServiceError>;

/// The billing service; clones share everything.
#[derive(Clone)]
pub struct BillingService(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    counters: Arc<dyn Counters>,
    plans: Plans,
    clock: Clock,
    config: BillingConfig,
    behind: sync::Behind,
    used_keys: keys::UsedKeys,
    passwords: Passwords,
    mailer: Mailer,
    stripe: Option<Stripe>,
    signatures: Signatures,
}

impl BillingService {
    pub(crate) fn assemble(
        config: &BillingConfig,
        clock: Clock,
        plans: Plans,
        store: Arc<dyn Store>,
        counters: Arc<dyn Counters>,
    ) -> Result<Self, BuildError> {
        let passwords =
            Passwords::new(config.accounts.argon2_memory_kib, config.accounts.argon2_passes)?;
        let mail = &config.mail;
        let outbox = config.data_dir.join("outbox");
        let mailer = Mailer::new(given(&mail.smtp_url), outbox, &mail.from, &config.public_url)?;
        let sells = &config.stripe;
        let stripe = given(&sells.secret_key)
            .map(|key| Stripe::new(key, &sells.api_base, &config.public_url))
            .transpose()?;
        let secrets = given(&sells.webhook_secret).unwrap_or_default();
        let signatures = Signatures::new(secrets, sells.tolerance_seconds);
        Ok(Self(Arc::new(Inner {
            store,
            counters,
            plans,
            clock,
            config: config.clone(),
            behind: sync::Behind::default(),
            used_keys: keys::UsedKeys::default(),
            passwords,
            mailer,
            stripe,
            signatures,
        })))
    }

    /// The ledger and everything else that is stored.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> &dyn Counters {
        &*self.0.counters
    }

    /// The plans on offer.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.0.plans
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Makes a key; the only time that it is seen.
    pub(crate) async fn issue_key(
        &self,
        account: AccountId,
        name: &str,
    ) -> Answer<(ApiKey, KeyRecord)> {
        self.0.issue_key(account, name).await
    }

    /// Makes a key that was drawn before good for an account.
    pub(crate) async fn keep_key(
        &self,
        key: &ApiKey,
        account: AccountId,
        name: &str,
    ) -> Answer<KeyRecord> {
        self.0.keep_key(key, account, name).await
    }

    /// Tells the counters that an account has changed.
    pub(crate) async fn refresh(&self, account: AccountId) {
        self.0.follow_account(account).await;
    }

    /// Whether the store and the counters answer.
    pub async fn is_ready(&self) -> bool {
        self.store().ping().await.is_ok() && self.counters().ping().await.is_ok()
    }
}

impl std::fmt::Debug for BillingService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingService").finish_non_exhaustive()
    }
}

macro_rules! billing {
    ($($call:ident($Request:ident) -> $Response:ident;)+) => {
        #[async_trait]
        impl Billing for BillingService {
            $(async fn $call(&self, request: pb::$Request) -> Answer<pb::$Response> {
                self.0.$call(request).await
            })+
        }
    };
}

billing! {
    identify(IdentifyRequest) -> IdentifyResponse;
    reserve(ReserveRequest) -> ReserveResponse;
    commit(CommitRequest) -> CommitResponse;
    release(ReleaseRequest) -> ReleaseResponse;
    get_membership_usage(GetMembershipUsageRequest) -> GetMembershipUsageResponse;
    list_billing_cycles(ListBillingCyclesRequest) -> ListBillingCyclesResponse;
    register(RegisterRequest) -> RegisterResponse;
    verify_email(VerifyEmailRequest) -> VerifyEmailResponse;
    login(LoginRequest) -> LoginResponse;
    logout(LogoutRequest) -> LogoutResponse;
    request_password_reset(RequestPasswordResetRequest) -> RequestPasswordResetResponse;
    confirm_password_reset(ConfirmPasswordResetRequest) -> ConfirmPasswordResetResponse;
    get_account(GetAccountRequest) -> GetAccountResponse;
    list_keys(ListKeysRequest) -> ListKeysResponse;
    create_key(CreateKeyRequest) -> CreateKeyResponse;
    revoke_key(RevokeKeyRequest) -> RevokeKeyResponse;
    create_checkout(CreateCheckoutRequest) -> CreateCheckoutResponse;
    create_portal(CreatePortalRequest) -> CreatePortalResponse;
    apply_stripe_event(ApplyStripeEventRequest) -> ApplyStripeEventResponse;
    get_status(GetStatusRequest) -> GetStatusResponse;
}

impl Inner {
    async fn get_status(&self, _request: pb::GetStatusRequest) -> Answer<pb::GetStatusResponse> {
        let ready = self.store.ping().await.is_ok() && self.counters.ping().await.is_ok();
        Ok(pb::GetStatusResponse { ready })
    }
}
