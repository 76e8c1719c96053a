//! What runs beside the calls: giving back what a crash left reserved, keeping
//! the counters where the ledger is, writing when keys were used, forgetting
//! what has expired.

use std::{future::Future, time::Duration};

use proto::ServiceError;
use runtime::shutdown::Shutdown;
use tokio::task::JoinHandle;

use super::{Answer, BillingService, Inner};
use crate::clock::Moment;

const CATCH_UP_EVERY: Duration = Duration::from_secs(1);
const REFILL_EVERY: Duration = Duration::from_secs(5);
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
const SWEEP_EVERY: Duration = Duration::from_secs(20);
const USED_KEYS_EVERY: Duration = Duration::from_secs(5);
const EXPIRE_EVERY: Duration = Duration::from_secs(600);
const SWEEP_PAGE: i64 = 500;

impl BillingService {
    /// Starts the background work; it ends with the shutdown, or when the
    /// returned handle is aborted.
    pub fn start(&self, shutdown: &Shutdown) -> JoinHandle<()> {
        let (service, shutdown) = (self.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.requested() => {}
                () = service.run() => {}
            }
            report("writing when keys were used", service.0.write_used_keys().await);
        })
    }

    async fn run(&self) {
        let inner = &*self.0;
        tokio::join!(
            every(CATCH_UP_EVERY, "catching up", || inner.catch_up()),
            every(REFILL_EVERY, "filling emptied counters", || inner.refill()),
            every(RECONCILE_EVERY, "reconciling the counters", || inner.reconcile_all()),
            every(SWEEP_EVERY, "sweeping reservations", || async { inner.sweep().await.map(drop) }),
            every(USED_KEYS_EVERY, "writing when keys were used", || inner.write_used_keys()),
            every(EXPIRE_EVERY, "deleting what expired", || inner.expire()),
        );
    }

    /// Gives back every reservation that is older than it may be. Returns how
    /// many there were.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn sweep(&self) -> Result<u64, ServiceError> {
        self.0.sweep().await
    }
}

impl Inner {
    async fn sweep(&self) -> Answer<u64> {
        self.end_lapsed().await?;
        let now = self.clock.now();
        let before =
            Moment::from_seconds(now.seconds() - i64::from(self.config.reservation_seconds));
        let mut swept = 0;
        loop {
            let stale = self.store.stale(before, SWEEP_PAGE).await?;
            for operation in &stale {
                self.store.release(operation, now).await?;
                swept += 1;
            }
            if stale.is_empty() {
                return Ok(swept);
            }
            metrics::counter!("rembg_billing_swept_total").increment(stale.len() as u64);
        }
    }

    async fn catch_up(&self) -> Answer<()> {
        for account in self.behind.take() {
            self.follow_account(account).await;
        }
        Ok(())
    }

    /// An emptied Redis is seen by one look, long before the next look over all
    /// accounts.
    async fn refill(&self) -> Answer<()> {
        if self.counters.is_filled().await? {
            return Ok(());
        }
        self.reconcile_all().await
    }

    async fn reconcile_all(&self) -> Answer<()> {
        let loaded = self.reconcile().await?;
        if loaded > 0 {
            tracing::info!(loaded, "counters were behind the ledger and have caught up");
        }
        Ok(())
    }

    async fn expire(&self) -> Answer<()> {
        Ok(self.store.delete_expired(self.clock.now()).await?)
    }
}

async fn every<F: Future<Output = Answer<()>>>(period: Duration, what: &str, work: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        report(what, work().await);
    }
}

fn report(what: &str, result: Answer<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "{what} failed and will be tried again");
    }
}
