//! The gRPC server adapter: a header and chunks become a job, its events become
//! messages.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status, Streaming};

use super::{CutOut, InferenceHandle, JobEvent, RemoveJob, remote::chunks};
use crate::{
    ErrorCode, ServiceError,
    inference_v1::{
        GetStatusRequest, GetStatusResponse, JobHeader, RemoveBackgroundRequest,
        RemoveBackgroundResponse, ResultHeader, inference_service_server::InferenceService,
        remove_background_request::Part, remove_background_response::Event,
    },
};

/// The gRPC face of the service: a thin shell over any handle.
#[derive(Debug, Clone)]
pub struct InferenceGrpc {
    handle: InferenceHandle,
    max_image_bytes: u64,
}

impl InferenceGrpc {
    /// Serves what the handle reaches, for pictures of at most so many bytes.
    #[must_use]
    pub fn new(handle: InferenceHandle, max_image_bytes: u64) -> Self {
        Self { handle, max_image_bytes }
    }

    async fn receive(
        &self,
        messages: &mut Streaming<RemoveBackgroundRequest>,
    ) -> Result<RemoveJob, ServiceError> {
        let Some(Part::Header(header)) = messages.message().await?.and_then(|message| message.part)
        else {
            return Err(invalid("the first message must be the header"));
        };
        if header.image_bytes > self.max_image_bytes {
            return Err(invalid("the picture is larger than this worker takes"));
        }
        let arrived = Instant::now();
        let size = usize::try_from(header.image_bytes).map_err(ServiceError::internal)?;
        let mut image = BytesMut::with_capacity(size);
        while let Some(message) = messages.message().await? {
            let Some(Part::Chunk(chunk)) = message.part else {
                return Err(invalid("only chunks follow the header"));
            };
            if image.len() + chunk.len() > size {
                return Err(invalid("more bytes than announced"));
            }
            image.extend_from_slice(&chunk);
        }
        if image.len() != size {
            return Err(ServiceError::new(ErrorCode::Cancelled, "the upload ended early"));
        }
        job(header, image, arrived)
    }
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidArgument, message)
}

fn job(header: JobHeader, image: BytesMut, arrived: Instant) -> Result<RemoveJob, ServiceError> {
    Ok(RemoveJob {
        image: image.freeze(),
        width: header.width,
        height: header.height,
        spec: header.spec.ok_or_else(|| invalid("the header has no spec"))?,
        request_id: header.request_id,
        deadline: (header.deadline_ms > 0)
            .then(|| arrived.checked_add(Duration::from_millis(header.deadline_ms)))
            .flatten(),
        model: Some(header.model).filter(|model| !model.is_empty()),
    })
}

#[async_trait::async_trait]
impl InferenceService for InferenceGrpc {
    type RemoveBackgroundStream = BoxStream<'static, Result<RemoveBackgroundResponse, Status>>;

    async fn remove_background(
        &self,
        request: Request<Streaming<RemoveBackgroundRequest>>,
    ) -> Result<Response<Self::RemoveBackgroundStream>, Status> {
        let job = self.receive(&mut request.into_inner()).await?;
        let events = self.handle.remove_background(job).await?;
        let messages = events.flat_map(|event| match event {
            Ok(JobEvent::Progress(stage)) => {
                stream::iter(vec![Ok(Event::Progress(stage.into()))]).left_stream()
            }
            Ok(JobEvent::Done(cut_out)) => stream::iter(result(cut_out)).map(Ok).right_stream(),
            Err(error) => stream::iter(vec![Err(Status::from(error))]).left_stream(),
        });
        let messages = messages
            .map(|event| event.map(|event| RemoveBackgroundResponse { event: Some(event) }));
        Ok(Response::new(messages.boxed()))
    }

    async fn get_status(
        &self,
        _: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        Ok(Response::new(self.handle.status().await?))
    }
}

fn result(cut_out: CutOut) -> impl Iterator<Item = Event> + Send {
    let header = ResultHeader {
        image_bytes: cut_out.image.len() as u64,
        width: cut_out.width,
        height: cut_out.height,
        format: cut_out.format.into(),
        model: cut_out.model,
        processing_ms: cut_out.processing_ms,
    };
    std::iter::once(Event::Header(header)).chain(chunks(cut_out.image).map(Event::Chunk))
}
