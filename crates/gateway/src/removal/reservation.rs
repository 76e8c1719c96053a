//! What a picture costs, held while it is worked on.
//!
//! The guard exists before billing is asked, so there is no moment at which a
//! reservation could stand without somebody to give it back: a client that
//! leaves drops the request, the request drops the guard, and the guard releases
//! in the background. Both ends of a reservation are idempotent, so repeating
//! them is safe; a sweeper in billing takes what even that misses.

use std::time::Duration;

use proto::{
    BillingHandle, ErrorCode, ServiceError,
    billing_v1::{Caller, CommitRequest, RateStatus, ReleaseRequest, ReserveRequest},
};
use uuid::Uuid;

use super::idempotency::{Fingerprint, IdempotencyKey};
use crate::{
    app::{App, Background},
    error::ApiError,
};

/// Waits between attempts at giving back; a sweeper in billing does it in the end.
const RETRIES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];
/// When a reservation that billing may have made late is given back once more.
const LATE: Duration = Duration::from_secs(3);
/// The wait after the first attempt at charging; each further one is four times
/// as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// For how long a charge is tried. Billing's sweeper takes a reservation after
/// ten minutes, and then there is nothing to charge any more.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Released when dropped, unless committed.
pub(super) struct Reservation {
    billing: BillingHandle,
    background: Background,
    operation_id: String,
    credits: u32,
    rate: Option<RateStatus>,
    open: bool,
    /// Whether billing never said that it made it.
    uncertain: bool,
}

impl Reservation {
    /// Asks billing to hold the cost.
    ///
    /// # Errors
    /// Billing's refusal.
    pub(super) async fn open(
        app: &App,
        caller: Caller,
        idempotency_key: IdempotencyKey,
        fingerprint: Fingerprint,
        credits: u32,
    ) -> Result<Self, ApiError> {
        let operation_id = Uuid::now_v7().to_string();
        let mut reservation = Self {
            billing: app.billing.clone(),
            background: app.background.clone(),
            operation_id: operation_id.clone(),
            credits,
            rate: None,
            open: true,
            uncertain: true,
        };
        let request = ReserveRequest {
            caller: Some(caller),
            operation_id,
            credits,
            idempotency_key: idempotency_key.into_inner(),
            request_fingerprint: fingerprint.into_bytes(),
        };
        match app.billing.reserve(request).await {
            Ok(held) => {
                reservation.operation_id = held.operation_id;
                reservation.credits = held.credits;
                reservation.rate = held.rate;
                reservation.uncertain = false;
                Ok(reservation)
            }
            Err(error) => {
                reservation.open = is_uncertain(&error);
                Err(error.into())
            }
        }
    }

    /// The short-term limit after this request.
    pub(super) fn rate(&self) -> Option<RateStatus> {
        self.rate
    }

    /// Charges the caller and tells how much.
    ///
    /// The picture is finished, so it is delivered whatever comes: where billing
    /// cannot be reached the charge is tried again in the background, and where
    /// billing knows of no reservation any more there is nothing to charge.
    pub(super) async fn commit(mut self) -> u32 {
        let operation_id = self.operation_id.clone();
        let result = self.billing.commit(CommitRequest { operation_id }).await;
        self.open = false;
        match result {
            Ok(committed) => committed.credits_charged,
            Err(error) if is_uncertain(&error) => {
                let (billing, operation_id) = (self.billing.clone(), self.operation_id.clone());
                self.background.spawn(commit_again(billing, operation_id));
                self.credits
            }
            Err(error) => {
                tracing::error!(%error, operation = self.operation_id, "a charge was refused");
                0
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            let (billing, operation_id) = (self.billing.clone(), self.operation_id.clone());
            let again = self.uncertain.then_some(LATE);
            self.background.spawn(give_back(billing, operation_id, again));
        }
    }
}

/// Whether billing may have done what was asked although it said no.
fn is_uncertain(error: &ServiceError) -> bool {
    matches!(
        error.code,
        ErrorCode::Cancelled
            | ErrorCode::Unavailable
            | ErrorCode::DeadlineExceeded
            | ErrorCode::Internal
    )
}

async fn commit_again(billing: BillingHandle, operation_id: String) {
    for wait in waits() {
        tokio::time::sleep(wait).await;
        match billing.commit(CommitRequest { operation_id: operation_id.clone() }).await {
            Err(error) if is_uncertain(&error) => {}
            _ => return,
        }
    }
    tracing::error!(operation = operation_id, "a charge could not be made");
}

/// Growing waits that make up [`PATIENCE`] together.
fn waits() -> impl Iterator<Item = Duration> {
    let growing =
        std::iter::successors(Some(FIRST_WAIT), |wait| Some((*wait * 4).min(LONGEST_WAIT)));
    growing
        .scan(Duration::ZERO, |waited, wait| {
            *waited += wait;
            Some((*waited, wait))
        })
        .take_while(|(waited, _)| *waited <= PATIENCE)
        .map(|(_, wait)| wait)
}

/// Releases, and `again` after a while: the request for the reservation may
/// reach billing only after the first release did.
async fn give_back(billing: BillingHandle, operation_id: String, again: Option<Duration>) {
    release(&billing, &operation_id).await;
    if let Some(wait) = again {
        tokio::time::sleep(wait).await;
        release(&billing, &operation_id).await;
    }
}

async fn release(billing: &BillingHandle, operation_id: &str) {
    for wait in RETRIES {
        let request = ReleaseRequest { operation_id: operation_id.to_owned() };
        match billing.release(request).await {
            Err(error) if is_uncertain(&error) => tokio::time::sleep(wait).await,
            _ => return,
        }
    }
    tracing::warn!(operation = operation_id, "a reservation is left to the sweeper");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charging_is_tried_for_minutes() {
        let all: Vec<_> = waits().collect();
        let total: Duration = all.iter().sum();
        assert!(total <= PATIENCE && total + LONGEST_WAIT > PATIENCE, "{total:?}");
        assert!(all.is_sorted() && all.last() == Some(&LONGEST_WAIT));
        assert_eq!(all.first(), Some(&FIRST_WAIT));
    }
}
