//! What lives as long as the server.

use std::time::Duration;

use proto::{BillingHandle, InferenceHandle};
use runtime::{metrics::Metrics, shutdown::Shutdown};
use tokio_util::task::TaskTracker;
use validation::Limits;

use crate::{
    client_address::TrustedProxies,
    removal::{AnswerPolicy, UploadPolicy},
};

/// Shared by every request; cheap parts are cloned, the rest borrowed.
#[derive(Debug)]
pub(crate) struct App {
    /// Where pictures are worked on.
    pub(crate) inference: InferenceHandle,
    /// Where callers are known and charged.
    pub(crate) billing: BillingHandle,
    /// What a picture may measure.
    pub(crate) limits: Limits,
    /// How uploads are read.
    pub(crate) uploads: UploadPolicy,
    /// How answers are delivered.
    pub(crate) answers: AnswerPolicy,
    /// Whose word on the client's address counts.
    pub(crate) proxies: TrustedProxies,
    /// How long a caller waits once its upload is complete.
    pub(crate) deadline: Duration,
    /// What the process has measured.
    pub(crate) metrics: Metrics,
    /// Up once the process is to leave.
    pub(crate) shutdown: Shutdown,
    /// Work that outlives its request, such as giving a reservation back.
    pub(crate) background: Background,
}

/// Runs work that must not die with the request that caused it. It runs on the
/// process's own runtime, since the one of an HTTP thread ends with the thread,
/// and the server waits for it before it returns.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
}

impl Background {
    /// Must be called within the process's runtime.
    pub(crate) fn new() -> Self {
        Self { tasks: TaskTracker::new(), runtime: tokio::runtime::Handle::current() }
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Waits until all work is done.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
