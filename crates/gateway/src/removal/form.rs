//! Multipart forms, read part by part as they arrive.
//!
//! The parser is told that the body is `multipart/mixed`: of a form it demands
//! heads by the letter of the grammar, which many clients do not write. Here a
//! part is told by whatever name it has, and one without a name is ignored.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    error::PayloadError,
    http::header::{self, HeaderMap, HeaderValue},
    web::Bytes,
};
use futures_util::{Stream, StreamExt as _, stream};
use validation::RawFields;

use super::{
    body::{UploadBody, UploadPolicy},
    disposition::{Disposition, parameter},
    memory::Lease,
    submission::{Keeper, Received, Submission},
};
use crate::error::ApiError;

/// Parts beyond the known fields are ignored, but not without end.
const MAX_PARTS: usize = 128;
/// Bytes kept of a text field. No valid value is near it, and messages echo
/// only the beginning.
const MAX_TEXT: usize = 4 * 1024;
const IMAGE: &str = "image";

/// Reads the form to its end.
pub(super) async fn receive(
    headers: &HeaderMap,
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<Submission, ApiError> {
    let headers =
        relaxed(headers).ok_or_else(|| malformed(body, &MultipartError::BoundaryMissing))?;
    let mut form = Multipart::new(&headers, ended(body));
    let mut received =
        Submission { image: None, fields: RawFields::default(), lease: policy.memory.lease() };
    let mut parts = 0;
    while let Some(part) = form.next().await {
        let part = match part {
            Ok(part) => part,
            Err(error) => return refuse_or_ignore(body, &error).map(|()| received),
        };
        parts += 1;
        if parts > MAX_PARTS {
            return Err(ApiError::bad_request("The form has too many fields."));
        }
        receive_part(part, &mut received, body, policy).await?;
    }
    Ok(received)
}

/// Headers of a body of the same boundary in which parts may have any head.
fn relaxed(headers: &HeaderMap) -> Option<HeaderMap> {
    let boundary = parameter(headers.get(header::CONTENT_TYPE)?.as_bytes(), "boundary")?;
    let kind = format!("multipart/mixed; boundary=\"{boundary}\"");
    let mut relaxed = HeaderMap::new();
    relaxed.insert(header::CONTENT_TYPE, HeaderValue::from_str(&kind).ok()?);
    Some(relaxed)
}

/// The body with a line break at its end, which not every client writes and
/// the parser waits for.
fn ended(body: &UploadBody) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
    body.clone().chain(stream::iter([Ok(Bytes::from_static(b"\r\n"))]))
}

async fn receive_part(
    part: Field,
    received: &mut Submission,
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<(), ApiError> {
    let Disposition { name, file_name } = Disposition::of(part.headers());
    if name == IMAGE && received.image.is_none() {
        let (bytes, size) = receive_image(part, &mut received.lease, body, policy).await?;
        received.image = Some(Received { file_name: Some(file_name), bytes, size });
    } else {
        let text = receive_text(part, body).await?;
        received.fields.insert(&name, text);
    }
    Ok(())
}

/// The bytes of a picture, cut at the limit, and how many there were.
async fn receive_image(
    mut part: Field,
    lease: &mut Lease,
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<(Bytes, u64), ApiError> {
    let mut kept = Keeper::new(policy.max_image_bytes, body.announced());
    let mut turns = Turns::default();
    while let Some(chunk) = part.next().await {
        turns.pass().await;
        kept.take(&chunk.map_err(|error| malformed(body, &error))?, lease, |_| ())?;
    }
    Ok(kept.finish())
}

async fn receive_text(mut part: Field, body: &UploadBody) -> Result<String, ApiError> {
    let mut text = Vec::new();
    let mut turns = Turns::default();
    while let Some(chunk) = part.next().await {
        turns.pass().await;
        let chunk = chunk.map_err(|error| malformed(body, &error))?;
        let room = MAX_TEXT - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Lets others have their turn: the parser cuts a part at every carriage return,
/// and a body that is there already never makes it wait.
#[derive(Default)]
struct Turns(u32);

impl Turns {
    const PIECES: u32 = 256;

    async fn pass(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(Self::PIECES) {
            tokio::task::yield_now().await;
        }
    }
}

/// A body of nothing at all is a form without fields; some clients send that
/// when they have none.
fn refuse_or_ignore(body: &UploadBody, error: &MultipartError) -> Result<(), ApiError> {
    let nothing_sent = matches!(error, MultipartError::Incomplete) && body.received() == 0;
    if nothing_sent && body.failure().is_none() { Ok(()) } else { Err(malformed(body, error)) }
}

fn malformed(body: &UploadBody, error: &MultipartError) -> ApiError {
    body.failure().unwrap_or_else(|| {
        tracing::debug!(%error, "malformed form");
        ApiError::bad_request("Malformed multipart/form-data body.")
    })
}
