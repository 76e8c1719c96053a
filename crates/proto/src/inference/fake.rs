//! A scripted inference service for tests.

use futures_util::{StreamExt as _, stream};

use super::{Inference, JobEvents, RemoveJob};
use crate::{ServiceError, inference_v1::GetStatusResponse};

type Script = Box<dyn Fn(RemoveJob) -> Result<JobEvents, ServiceError> + Send + Sync>;

/// Answers every job by its script.
pub struct FakeInference {
    script: Script,
    status: GetStatusResponse,
}

impl FakeInference {
    /// A service that answers each job with the script's events.
    pub fn new(
        script: impl Fn(RemoveJob) -> Result<JobEvents, ServiceError> + Send + Sync + 'static,
    ) -> Self {
        let status =
            GetStatusResponse { ready: true, model: "fake-1".into(), ..Default::default() };
        Self { script: Box::new(script), status }
    }

    /// A service whose jobs succeed at once with what the script makes.
    pub fn answering(script: impl Fn(RemoveJob) -> super::CutOut + Send + Sync + 'static) -> Self {
        Self::new(move |job| {
            let done = super::JobEvent::Done(script(job));
            Ok(stream::iter([Ok(done)]).boxed())
        })
    }

    /// Sets what `status` answers.
    #[must_use]
    pub fn with_status(mut self, status: GetStatusResponse) -> Self {
        self.status = status;
        self
    }
}

#[async_trait::async_trait]
impl Inference for FakeInference {
    async fn remove_background(&self, job: RemoveJob) -> Result<JobEvents, ServiceError> {
        (self.script)(job)
    }

    async fn status(&self) -> Result<GetStatusResponse, ServiceError> {
        Ok(self.status.clone())
    }
}
