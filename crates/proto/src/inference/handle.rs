//! The handle: deadline and metrics around whatever serves the job.

use std::{sync::Arc, time::Instant};

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout_at;

use super::{CutOut, FakeInference, Inference, JobEvent, JobEvents, RemoveJob, remote::Remote};
use crate::{
    Endpoint, ErrorCode, ServiceError,
    inference_v1::{GetStatusResponse, Stage},
};

/// A cloneable way to the inference service, in process or over gRPC.
#[derive(Clone)]
pub struct InferenceHandle(Arc<dyn Inference>);

impl InferenceHandle {
    /// The service in this process.
    pub fn local(service: impl Inference) -> Self {
        Self(Arc::new(service))
    }

    /// The service behind a gRPC endpoint.
    #[must_use]
    pub fn remote(endpoint: Endpoint) -> Self {
        Self::local(Remote::new(endpoint))
    }

    /// A scripted service for tests.
    #[must_use]
    pub fn fake(fake: FakeInference) -> Self {
        Self::local(fake)
    }

    /// Admits a job and returns its events; past the job's deadline the stream
    /// ends with an error and the job is abandoned.
    ///
    /// # Errors
    /// See [`Inference::remove_background`]; also `DeadlineExceeded`.
    pub async fn remove_background(&self, job: RemoveJob) -> Result<JobEvents, ServiceError> {
        let Some(deadline) = job.deadline else {
            return self.0.remove_background(job).await;
        };
        let events = timeout_at(deadline.into(), self.0.remove_background(job))
            .await
            .map_err(|_| late())??;
        Ok(bounded(events, deadline))
    }

    /// Runs a job to its end, reporting each stage.
    ///
    /// # Errors
    /// The first error of the job; `Unavailable` when its events end early.
    pub async fn run(
        &self,
        job: RemoveJob,
        mut on_stage: impl FnMut(Stage),
    ) -> Result<CutOut, ServiceError> {
        let started = Instant::now();
        let result = async {
            let mut events = self.remove_background(job).await?;
            while let Some(event) = events.next().await {
                match event? {
                    JobEvent::Progress(stage) => on_stage(stage),
                    JobEvent::Done(cut_out) => return Ok(cut_out),
                }
            }
            Err(ServiceError::new(ErrorCode::Unavailable, "the job ended without a result"))
        }
        .await;
        let code = result.as_ref().err().map_or("ok", |error: &ServiceError| error.code.name());
        metrics::histogram!("rembg_inference_call_seconds", "code" => code)
            .record(started.elapsed().as_secs_f64());
        result
    }

    /// What is served and how busy it is.
    ///
    /// # Errors
    /// `Unavailable` when nothing answers.
    pub async fn status(&self) -> Result<GetStatusResponse, ServiceError> {
        self.0.status().await
    }
}

impl std::fmt::Debug for InferenceHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InferenceHandle")
    }
}

fn late() -> ServiceError {
    ServiceError::new(ErrorCode::DeadlineExceeded, "the deadline passed")
}

/// Ends a stream at the deadline, dropping the inner one, which abandons the job.
fn bounded(events: JobEvents, deadline: Instant) -> JobEvents {
    stream::unfold(Some(events), move |events| async move {
        let mut events = events?;
        match timeout_at(deadline.into(), events.next()).await {
            Ok(Some(event)) => Some((event, Some(events))),
            Ok(None) => None,
            Err(_) => Some((Err(late()), None)),
        }
    })
    .boxed()
}
