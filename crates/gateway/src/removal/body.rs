//! The bytes of an upload as they arrive: counted, timed, and bounded.
//!
//! A file beyond the limit is answered with its true size, so its bytes are
//! counted on without being kept, up to a multiple of the limit.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    error::PayloadError,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web::{Bytes, Payload},
};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep_until};
use validation::{Message, Rejection};

use super::memory::Memory;
use crate::{
    config::GatewayConfig,
    error::{ApiError, BODY_ENDED_EARLY, UPLOAD_TOO_SLOW},
};

/// How often the largest file is counted before the connection is given up.
const COUNTED: u64 = 4;

/// How uploads are read.
#[derive(Debug, Clone)]
pub(crate) struct UploadPolicy {
    /// The largest picture file, in bytes.
    pub(crate) max_image_bytes: u64,
    /// Where uploads are kept.
    pub(crate) memory: Memory,
    whole: Duration,
    pause: Duration,
}

impl UploadPolicy {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            max_image_bytes: config.max_image_bytes,
            memory: Memory::new(config.upload_memory_bytes),
            whole: Duration::from_secs(config.upload_seconds),
            pause: Duration::from_secs(config.upload_pause_seconds),
        }
    }

    /// As fast, but of at most so many bytes.
    pub(crate) fn of_at_most(&self, bytes: usize) -> Self {
        Self { max_image_bytes: bytes as u64, ..self.clone() }
    }
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Endless,
    Slow,
    Cut,
}

/// The body of one request. Clones read the same bytes, so that a parser can
/// own one and the rest can still be drained.
#[derive(Clone)]
pub(crate) struct UploadBody(Rc<RefCell<Reading>>);

struct Reading {
    payload: Payload,
    announced: Option<u64>,
    received: u64,
    max_image_bytes: u64,
    pause: Duration,
    whole: Instant,
    timer: Pin<Box<Sleep>>,
    ended: bool,
    broken: Option<Broken>,
}

impl UploadBody {
    pub(crate) fn new(headers: &HeaderMap, payload: Payload, policy: &UploadPolicy) -> Self {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let whole = Instant::now() + policy.whole;
        Self(Rc::new(RefCell::new(Reading {
            payload,
            announced: announced.and_then(|value| value.parse().ok()),
            received: 0,
            max_image_bytes: policy.max_image_bytes,
            pause: policy.pause,
            whole,
            timer: Box::pin(sleep_until(whole.min(Instant::now() + policy.pause))),
            ended: false,
            broken: None,
        })))
    }

    /// Bytes that the client announced, if it did.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.0.borrow().announced
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.0.borrow().received
    }

    /// Why reading stopped, if it was not the end.
    pub(crate) fn failure(&self) -> Option<ApiError> {
        let reading = self.0.borrow();
        let error = match reading.broken? {
            Broken::Endless => Rejection::of_image(&Message::FileTooLarge {
                bytes: reading.announced.unwrap_or(0).max(reading.received),
                limit: reading.max_image_bytes,
            })
            .into(),
            Broken::Slow => ApiError::refused(StatusCode::REQUEST_TIMEOUT, UPLOAD_TOO_SLOW),
            Broken::Cut => ApiError::bad_request(BODY_ENDED_EARLY),
        };
        Some(error)
    }

    /// Takes in what is left and forgets it.
    pub(crate) async fn drain(&self) {
        let mut rest = self.clone();
        while let Some(Ok(_)) = rest.next().await {}
    }
}

impl Stream for UploadBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(context)
    }
}

impl Reading {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.payload.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(chunk))) => self.count(chunk),
            Poll::Ready(Some(Err(error))) => self.end(Broken::Cut, error),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending if self.timer.as_mut().poll(context).is_ready() => {
                self.end(Broken::Slow, PayloadError::Incomplete(None))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn count(&mut self, chunk: Bytes) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.received += chunk.len() as u64;
        if self.received > self.max_image_bytes.saturating_mul(COUNTED) {
            return self.end(Broken::Endless, PayloadError::Overflow);
        }
        let now = Instant::now();
        if now >= self.whole {
            return self.end(Broken::Slow, PayloadError::Incomplete(None));
        }
        self.timer.as_mut().reset(self.whole.min(now + self.pause));
        Poll::Ready(Some(Ok(chunk)))
    }

    fn end(
        &mut self,
        why: Broken,
        error: PayloadError,
    ) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.ended = true;
        self.broken = Some(why);
        Poll::Ready(Some(Err(error)))
    }
}
