//! Leaving in order: not ready → wait for the balancers to notice → finish what
//! is in flight → stop hard when that takes too long.

use std::{future::Future, time::Duration};

use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The `[shutdown]` section.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainConfig {
    /// Seconds between turning not ready and refusing connections.
    pub notice_seconds: f64,
    /// Seconds that requests in flight may take before they are cut.
    pub drain_seconds: f64,
}

/// The embedded defaults of the `[shutdown]` section.
pub const DEFAULTS: &str = include_str!("shutdown.toml");

impl DrainConfig {
    /// How long to go on serving while not ready.
    #[must_use]
    pub fn notice(self) -> Duration {
        seconds(self.notice_seconds)
    }

    /// How long requests in flight may take.
    #[must_use]
    pub fn drain(self) -> Duration {
        seconds(self.drain_seconds)
    }
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

/// A cloneable flag that goes up once: leave.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Goes up at SIGTERM or SIGINT; a second signal ends the process at once.
    ///
    /// # Errors
    /// Where the signal handlers cannot be installed.
    pub fn on_signal() -> std::io::Result<Self> {
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::default();
        let flag = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("shutting down");
            flag.request();
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
            tracing::warn!("second signal, leaving at once");
            std::process::exit(130);
        });
        Ok(shutdown)
    }

    /// Raises the flag.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether the flag is up: the process is not ready any more.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for the flag.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Waits until the flag is up and balancers had time to notice.
    pub async fn noticed(&self, drain: DrainConfig) {
        self.requested().await;
        tokio::time::sleep(drain.notice()).await;
    }

    /// Runs a server to its end, cutting it `notice + drain` after the flag
    /// went up. Returns whether it ended by itself.
    pub async fn bound<F: Future>(&self, server: F, drain: DrainConfig) -> Option<F::Output> {
        let limit = async {
            self.requested().await;
            tokio::time::sleep(drain.notice() + drain.drain()).await;
        };
        tokio::select! {
            output = server => Some(output),
            () = limit => {
                tracing::warn!("drain time is over, cutting what is left");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: DrainConfig = DrainConfig { notice_seconds: 0.0, drain_seconds: 0.05 };

    #[tokio::test]
    async fn a_server_that_ends_is_not_cut() {
        let shutdown = Shutdown::default();
        shutdown.request();
        assert_eq!(shutdown.bound(async { 7 }, QUICK).await, Some(7));
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_cut() {
        let shutdown = Shutdown::default();
        shutdown.request();
        assert!(shutdown.bound(std::future::pending::<()>(), QUICK).await.is_none());
    }
}
