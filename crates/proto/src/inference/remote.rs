//! The gRPC client: a job becomes a header and chunks, the answer's messages
//! become events again.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tonic::{Streaming, transport::Channel};

use super::{CHUNK, CutOut, Inference, JobEvent, JobEvents, RemoveJob};
use crate::{
    Endpoint, ErrorCode, ServiceError,
    inference_v1::{
        GetStatusRequest, GetStatusResponse, JobHeader, RemoveBackgroundRequest,
        RemoveBackgroundResponse, ResultHeader, inference_service_client::InferenceServiceClient,
        remove_background_request::Part, remove_background_response::Event,
    },
};

/// No result is larger: 10000 × 10000 pixels of 4 bytes, and room for headers.
const MAX_RESULT: u64 = 410_000_000;
/// Attempts at reaching a worker before a job counts as refused. A worker that
/// dies between two probes costs one attempt.
const ATTEMPTS: u32 = 3;

pub(super) struct Remote {
    endpoint: Endpoint,
}

impl Remote {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn client(&self) -> Result<InferenceServiceClient<Channel>, ServiceError> {
        Ok(InferenceServiceClient::new(self.endpoint.channel()?))
    }

    async fn start(
        &self,
        job: &RemoveJob,
    ) -> Result<Streaming<RemoveBackgroundResponse>, ServiceError> {
        let response = self.client()?.remove_background(stream::iter(messages(job))).await?;
        Ok(response.into_inner())
    }
}

#[async_trait::async_trait]
impl Inference for Remote {
    async fn remove_background(&self, job: RemoveJob) -> Result<JobEvents, ServiceError> {
        let mut attempt = 1;
        loop {
            match self.start(&job).await {
                Ok(answer) => return Ok(events(answer)),
                // No event has come, so nothing was promised: another worker
                // can do the same job.
                Err(error) if error.code == ErrorCode::Unavailable && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn status(&self) -> Result<GetStatusResponse, ServiceError> {
        Ok(self.client()?.get_status(GetStatusRequest {}).await?.into_inner())
    }
}

fn messages(job: &RemoveJob) -> impl Iterator<Item = RemoveBackgroundRequest> + Send + 'static {
    let header = JobHeader {
        spec: Some(job.spec),
        image_bytes: job.image.len() as u64,
        width: job.width,
        height: job.height,
        request_id: job.request_id.clone(),
        deadline_ms: job.deadline.map_or(0, remaining_ms),
        model: job.model.clone().unwrap_or_default(),
    };
    std::iter::once(Part::Header(header))
        .chain(chunks(job.image.clone()).map(Part::Chunk))
        .map(|part| RemoveBackgroundRequest { part: Some(part) })
}

/// Milliseconds left, at least one: zero would mean no limit.
fn remaining_ms(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    u64::try_from(left).unwrap_or(u64::MAX).max(1)
}

/// Cuts a buffer into messages without copying it.
pub(super) fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Bytes> + Send + 'static {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(CHUNK))))
}

struct Answer {
    messages: Streaming<RemoveBackgroundResponse>,
    result: Option<(ResultHeader, BytesMut)>,
}

fn events(messages: Streaming<RemoveBackgroundResponse>) -> JobEvents {
    let answer = Answer { messages, result: None };
    stream::unfold(Some(answer), |answer| async move {
        let mut answer = answer?;
        match answer.next().await {
            Ok(JobEvent::Progress(stage)) => Some((Ok(JobEvent::Progress(stage)), Some(answer))),
            last => Some((last, None)),
        }
    })
    .boxed()
}

impl Answer {
    async fn next(&mut self) -> Result<JobEvent, ServiceError> {
        while let Some(message) = self.messages.message().await? {
            match message.event {
                Some(Event::Progress(stage)) => {
                    return Ok(JobEvent::Progress(stage.try_into().unwrap_or_default()));
                }
                Some(Event::Header(header)) => self.begin(header)?,
                Some(Event::Chunk(chunk)) => self.append(&chunk)?,
                None => {}
            }
        }
        self.finish()
    }

    fn begin(&mut self, header: ResultHeader) -> Result<(), ServiceError> {
        if header.image_bytes > MAX_RESULT {
            return Err(ServiceError::internal("the worker announced an impossible size"));
        }
        let buffer = BytesMut::with_capacity(usize::try_from(header.image_bytes).unwrap_or(0));
        self.result = Some((header, buffer));
        Ok(())
    }

    fn append(&mut self, chunk: &[u8]) -> Result<(), ServiceError> {
        match &mut self.result {
            Some((header, buffer)) if (buffer.len() + chunk.len()) as u64 <= header.image_bytes => {
                buffer.extend_from_slice(chunk);
                Ok(())
            }
            _ => Err(ServiceError::internal("the worker sent bytes it had not announced")),
        }
    }

    fn finish(&mut self) -> Result<JobEvent, ServiceError> {
        match self.result.take() {
            Some((header, buffer)) if buffer.len() as u64 == header.image_bytes => {
                Ok(JobEvent::Done(CutOut {
                    image: buffer.freeze(),
                    width: header.width,
                    height: header.height,
                    format: header.format(),
                    model: header.model,
                    processing_ms: header.processing_ms,
                }))
            }
            _ => Err(ServiceError::new(ErrorCode::Unavailable, "the worker's answer ended early")),
        }
    }
}
