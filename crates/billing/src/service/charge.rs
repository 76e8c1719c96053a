//! The life of a charge: reserve → commit | release.

use std::time::Duration;

use proto::{
    ErrorCode, ServiceError,
    billing_v1::{self as pb, RateStatus},
};

use super::{Answer, Inner, caller::Caller};
use crate::{
    clock::Moment,
    counters::{Admission, Ask, DailyLimit, RateLimit},
    identity::{KeyId, OperationId},
    secret::Digest,
    store::{Account, Committed, Hold, Reserved, UsageKind},
    window::seconds_to_midnight,
};

/// Marks an anonymous operation, which has no row in the ledger.
const ANONYMOUS: &str = "anonymous:";

impl Inner {
    pub(super) async fn reserve(&self, request: pb::ReserveRequest) -> Answer<pb::ReserveResponse> {
        let operation: OperationId = request.operation_id.parse()?;
        let caller = request.caller.clone().unwrap_or_default();
        match self.permitted(&caller).await? {
            Caller::Anonymous => self.reserve_anonymous(&operation, &caller.address).await,
            Caller::Account { account, kind, key } => {
                let rate = self.admit_account(&operation, &account, key, &caller.address).await?;
                self.hold(&request, operation, &account, kind, rate).await
            }
        }
    }

    async fn reserve_anonymous(
        &self,
        operation: &OperationId,
        address: &str,
    ) -> Answer<pb::ReserveResponse> {
        let (rates, daily) = self.anonymous_limits(address);
        let rate = self.admit(operation, rates, Some(daily)).await?;
        Ok(pb::ReserveResponse {
            operation_id: format!("{ANONYMOUS}{operation}"),
            credits: 0,
            rate: Some(rate),
        })
    }

    async fn admit_account(
        &self,
        operation: &OperationId,
        account: &Account,
        key: Option<KeyId>,
        address: &str,
    ) -> Answer<RateStatus> {
        let plan = self.plans.standing(account, self.clock.now()).plan;
        self.admit(operation, self.account_limits(account, key, plan, address), None).await
    }

    /// Asks the limits; a refusal says when to come back.
    pub(super) async fn admit(
        &self,
        operation: &OperationId,
        rates: Vec<RateLimit>,
        daily: Option<DailyLimit>,
    ) -> Answer<RateStatus> {
        let now = self.clock.now();
        let ask = Ask { operation, rates, daily, now };
        match self.counters.admit(&ask).await? {
            Admission::Admitted(rate) => Ok(rate),
            Admission::TooFast(rate, wait) => {
                Err(ServiceError::new(ErrorCode::RateLimited, "short-term limit")
                    .retry_after(wait)
                    .rate(rate))
            }
            Admission::DayIsOver(rate) => {
                let wait = seconds(seconds_to_midnight(now));
                Err(ServiceError::new(ErrorCode::DailyLimit, "daily limit")
                    .retry_after(wait)
                    .rate(rate))
            }
        }
    }

    async fn hold(
        &self,
        request: &pb::ReserveRequest,
        operation: OperationId,
        account: &Account,
        kind: UsageKind,
        rate: RateStatus,
    ) -> Answer<pb::ReserveResponse> {
        let now = self.clock.now();
        let key = request.idempotency_key.as_bytes();
        let repeat_of = (!key.is_empty()).then(|| Digest::of(&[key, &request.request_fingerprint]));
        let operation_id = operation.to_string();
        let hold =
            Hold { operation, account: account.id, kind, credits: request.credits, repeat_of, now };
        match self.store.reserve(&hold, &self.plans).await? {
            Reserved::Held(credits) => {
                Ok(pb::ReserveResponse { operation_id, credits, rate: Some(rate) })
            }
            Reserved::OutOfCredits { until } => Err(out_of_credits(until, now).rate(rate)),
        }
    }

    pub(super) async fn commit(&self, request: pb::CommitRequest) -> Answer<pb::CommitResponse> {
        if let Some(operation) = request.operation_id.strip_prefix(ANONYMOUS) {
            self.finish_anonymous(operation, true).await?;
            return Ok(pb::CommitResponse { credits_charged: 0 });
        }
        let operation: OperationId = request.operation_id.parse()?;
        match self.store.commit(&operation, self.clock.now()).await? {
            Committed::Charged(credits_charged, change) => {
                self.follow(&change).await;
                Ok(pb::CommitResponse { credits_charged })
            }
            Committed::Settled(credits_charged) => Ok(pb::CommitResponse { credits_charged }),
            Committed::Unknown => Err(ServiceError::new(ErrorCode::NotFound, "no such operation")),
        }
    }

    pub(super) async fn release(&self, request: pb::ReleaseRequest) -> Answer<pb::ReleaseResponse> {
        if let Some(operation) = request.operation_id.strip_prefix(ANONYMOUS) {
            self.finish_anonymous(operation, false).await?;
        } else {
            let operation: OperationId = request.operation_id.parse()?;
            if !self.store.release(&operation, self.clock.now()).await? {
                // Whoever never heard the answer to an anonymous attempt does
                // not know that it was one.
                self.finish_anonymous(operation.as_str(), false).await?;
            }
        }
        Ok(pb::ReleaseResponse {})
    }

    async fn finish_anonymous(&self, operation: &str, succeeded: bool) -> Answer<()> {
        let operation: OperationId = operation.parse()?;
        Ok(self.counters.finish_anonymous(&operation, succeeded).await?)
    }
}

fn out_of_credits(until: i64, now: Moment) -> ServiceError {
    let wait = seconds((until + 1 - now.seconds()).max(1));
    ServiceError::new(ErrorCode::OutOfCredits, "no credits left").retry_after(wait)
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
