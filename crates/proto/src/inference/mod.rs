//! The inference service: one picture in, one picture out, with progress.
//!
//! A job's events are a stream; dropping the stream abandons the job, in
//! process and over gRPC alike.

mod fake;
mod grpc;
mod handle;
mod remote;

use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use self::{fake::FakeInference, grpc::InferenceGrpc, handle::InferenceHandle};
use crate::{
    ServiceError,
    inference_v1::{GetStatusResponse, ImageFormat, RenderSpec, Stage},
};

/// Bytes of a file carried by one message, well under gRPC's 4 MiB cap.
const CHUNK: usize = 256 * 1024;

/// One picture to work on.
#[derive(Debug, Clone)]
pub struct RemoveJob {
    /// The encoded picture.
    pub image: Bytes,
    /// Its stored width in pixels, read from the header.
    pub width: u32,
    /// Its stored height in pixels.
    pub height: u32,
    /// What to make of it.
    pub spec: RenderSpec,
    /// Ties log lines of one request together.
    pub request_id: String,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// A model by name; `None` is the default.
    pub model: Option<String>,
}

/// The finished picture.
#[derive(Debug, Clone, PartialEq)]
pub struct CutOut {
    /// The encoded picture.
    pub image: Bytes,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Its format.
    pub format: ImageFormat,
    /// Name and version of the network that made it.
    pub model: String,
    /// Milliseconds from admission to the encoded result.
    pub processing_ms: u64,
}

/// What a job tells on its way. `Done` is the last event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEvent {
    /// The job entered this stage.
    Progress(Stage),
    /// The job is finished.
    Done(CutOut),
}

/// The events of one job; it ends after `Done` or the first error.
pub type JobEvents = BoxStream<'static, Result<JobEvent, ServiceError>>;

/// Removes backgrounds.
#[async_trait::async_trait]
pub trait Inference: Send + Sync + 'static {
    /// Admits a job and returns its events.
    ///
    /// # Errors
    /// `Busy` at once when a queue is full, `InvalidArgument` for an unknown
    /// model; later failures arrive in the stream.
    async fn remove_background(&self, job: RemoveJob) -> Result<JobEvents, ServiceError>;

    /// What is served and how busy it is.
    ///
    /// # Errors
    /// `Unavailable` when nothing answers.
    async fn status(&self) -> Result<GetStatusResponse, ServiceError>;
}
