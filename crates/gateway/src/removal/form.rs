//! Multipart forms, read part by part as they arrive.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{ContentDisposition, HeaderMap};
use futures_util::StreamExt as _;
use validation::RawFields;

use super::{
    body::{UploadBody, UploadPolicy},
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
    let mut form = Multipart::new(headers, body.clone());
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

async fn receive_part(
    part: Field,
    received: &mut Submission,
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<(), ApiError> {
    let name = part.name().unwrap_or_default().to_owned();
    if name == IMAGE && received.image.is_none() {
        let image = receive_image(part, &mut received.lease, body, policy).await?;
        received.image = Some(image);
    } else {
        let text = receive_text(part, body).await?;
        received.fields.insert(&name, text);
    }
    Ok(())
}

async fn receive_image(
    mut part: Field,
    lease: &mut Lease,
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<Received, ApiError> {
    let file_name = part.content_disposition().map_or_else(String::new, file_name);
    let mut kept = Keeper::new(policy.max_image_bytes, body.announced());
    while let Some(chunk) = part.next().await {
        kept.take(&chunk.map_err(|error| malformed(body, &error))?, lease)?;
    }
    let (bytes, size) = kept.finish();
    Ok(Received { file_name: Some(file_name), bytes, size })
}

/// `filename`, or `filename*` where only that is there; neither is an empty
/// name.
fn file_name(disposition: &ContentDisposition) -> String {
    let plain = disposition.get_filename().map(str::to_owned);
    let extended =
        || disposition.get_filename_ext().map(|name| String::from_utf8_lossy(&name.value).into());
    plain.or_else(extended).unwrap_or_default()
}

async fn receive_text(mut part: Field, body: &UploadBody) -> Result<String, ApiError> {
    let mut text = Vec::new();
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|error| malformed(body, &error))?;
        let room = MAX_TEXT - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
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
