//! One upload, whichever way it was written, and the judgement on it.

use actix_web::{
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web::{Bytes, BytesMut, Query},
};
use futures_util::StreamExt as _;
use imaging::Size;
use serde::Deserialize;
use utoipa::ToSchema;
use validation::{Dimensions, ImageFacts, JsonRequest, Limits, Options, OutputSizes, RawFields};

use super::{
    body::{UploadBody, UploadPolicy},
    excerpt::Excerpt,
    form,
    idempotency::Fingerprint,
    inline,
    memory::Lease,
    off_thread,
};
use crate::error::ApiError;

/// A picture and what is to be made of it, as form fields.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; forms are read field by field")]
pub(crate) struct Upload {
    /// The picture: webp, bmp, png, jpg or jpeg, at most 50 MB and 10000 × 10000 pixels.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    image: Vec<u8>,
    #[serde(flatten)]
    options: OptionFields,
}

/// A picture and what is to be made of it, as JSON.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct JsonUpload {
    /// The picture as base64 or as a `data:` URL.
    #[schema(example = "data:image/png;base64,iVBORw0KGgo=")]
    image: String,
    #[serde(flatten)]
    options: OptionFields,
}

/// What may be asked of the answer; absent, empty and (for w, h) 0 mean unset.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference")]
pub(crate) struct OptionFields {
    /// `png`, `jpeg` (also `jpg`), `webp` or `bmp`, in any letter case.
    #[schema(nullable = false, default = "webp", example = "png")]
    format: Option<String>,
    /// Width to scale to. With `h`: the largest size inside w × h.
    #[schema(nullable = false, minimum = 0, maximum = 10000, example = 800)]
    w: Option<u32>,
    /// Height to scale to.
    #[schema(nullable = false, minimum = 0, maximum = 10000, example = 600)]
    h: Option<u32>,
    /// With `w` and `h`: exactly that size, even if it distorts.
    #[schema(nullable = false, default = false)]
    exact_resize: Option<bool>,
    /// The alpha matte alone: one grey channel, white is the subject.
    #[schema(nullable = false, default = false)]
    mask: Option<bool>,
    /// `#RGB`, `#RGBA`, `#RRGGBB`, `#RRGGBBAA`, with or without `#`, or a CSS name. Not with `mask`.
    #[schema(nullable = false, example = "#ffffff")]
    bg_color: Option<String>,
    /// Degrees counter-clockwise, after the background is removed.
    #[schema(nullable = false, default = 0, minimum = -360, maximum = 360)]
    angle: Option<f64>,
    /// Whether the canvas grows so that a rotation crops nothing.
    #[schema(nullable = false, default = true)]
    expand: Option<bool>,
}

/// The picture of an upload as received.
#[derive(Debug)]
pub(super) struct Received {
    /// The name of a form's file; see [`ImageFacts::file_name`].
    pub(super) file_name: Option<String>,
    /// Its bytes, cut at the limit.
    pub(super) bytes: Bytes,
    /// How many bytes there were.
    pub(super) size: u64,
}

/// An upload in memory.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) image: Option<Received>,
    pub(super) fields: RawFields,
    /// Held as long as the bytes are.
    pub(super) lease: Lease,
}

/// An upload that keeps the contract.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) image: Bytes,
    pub(super) stored: Size,
    pub(super) options: Options,
    pub(super) fingerprint: Fingerprint,
    /// Held until the request ends.
    pub(super) _lease: Lease,
}

impl Submission {
    /// Reads the body by its content type.
    ///
    /// # Errors
    /// 415 for a type that carries no picture, 400 for one that is malformed,
    /// 503 when there is no memory for it, 408 when it is too slow.
    pub(super) async fn receive(
        headers: &HeaderMap,
        body: &UploadBody,
        policy: UploadPolicy,
    ) -> Result<Self, ApiError> {
        match essence(headers).as_deref() {
            Some("multipart/form-data") => form::receive(headers, body, &policy).await,
            Some("application/json") => receive_json(body, &policy).await,
            Some("application/x-www-form-urlencoded") => receive_urlencoded(body, &policy).await,
            None => receive_untyped(body, &policy).await,
            Some(_) => Err(unsupported()),
        }
    }

    /// Judges the upload by its header and fields alone, without decoding.
    pub(super) fn accept(self, limits: &Limits) -> Result<Accepted, ApiError> {
        let header = self
            .image
            .as_ref()
            .filter(|image| image.size <= limits.max_bytes)
            .and_then(|image| imaging::probe(&image.bytes).ok());
        let facts = self.image.as_ref().map(|image| ImageFacts {
            file_name: image.file_name.as_deref(),
            bytes: image.size,
            dimensions: header.map(|header| dimensions(header.oriented)),
        });
        let options = validation::parse(facts, &self.fields, limits, output_sizes)?;
        let (Some(image), Some(header)) = (self.image, header) else {
            // Both were there, or the judgement above would have refused.
            return Err(validation::Rejection::of_image(&validation::Message::InvalidImage).into());
        };
        Ok(Accepted {
            fingerprint: Fingerprint::of(&image.bytes, &options),
            image: image.bytes,
            stored: header.stored,
            options,
            _lease: self.lease,
        })
    }
}

fn dimensions(size: Size) -> Dimensions {
    Dimensions { width: size.width, height: size.height }
}

/// The sizes on the way to the answer, computed as the worker will.
fn output_sizes(source: Dimensions, options: &Options) -> OutputSizes {
    let source = Size { width: source.width, height: source.height };
    let rotated = imaging::rotated_size(source, options.angle.degrees(), options.expand);
    let width = options.width.map(validation::Pixels::get);
    let height = options.height.map(validation::Pixels::get);
    let finished = imaging::fit_size(rotated, width, height, options.exact_resize);
    OutputSizes { rotated: dimensions(rotated), finished: dimensions(finished) }
}

/// The content type without its parameters, in lower case.
fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?;
    let value = String::from_utf8_lossy(value.as_bytes());
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

fn unsupported() -> ApiError {
    let message = "Unsupported content type. Use multipart/form-data or application/json.";
    ApiError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
}

/// A JSON body holds base64, a third longer than the file, and the options.
async fn receive_json(body: &UploadBody, policy: &UploadPolicy) -> Result<Submission, ApiError> {
    let mut lease = policy.memory.lease();
    let room = inline::encoded_limit(policy.max_image_bytes);
    let mut excerpt = Excerpt::default();
    let collected = collect(body, room, &mut lease, |chunk| excerpt.take(chunk)).await?;
    let Collected::Whole(text) = collected else {
        let (image, fields) = excerpt.finish(policy.max_image_bytes)?;
        return Ok(Submission { image, fields, lease });
    };
    off_thread(move || read_json(&text, lease)).await?
}

fn read_json(text: &[u8], mut lease: Lease) -> Result<Submission, ApiError> {
    let request =
        JsonRequest::parse(text).map_err(|error| ApiError::bad_request(error.to_string()))?;
    lease.grow(request.image.as_ref().map_or(0, |image| image.len() as u64)).map_err(full)?;
    let image = request.image.as_deref().map(inline::decode);
    Ok(Submission { image, fields: request.fields, lease })
}

/// A form without a file: clients that attach none send their fields this way.
async fn receive_urlencoded(
    body: &UploadBody,
    policy: &UploadPolicy,
) -> Result<Submission, ApiError> {
    const ROOM: u64 = 64 * 1024;
    let mut lease = policy.memory.lease();
    let text = match collect(body, ROOM, &mut lease, |_| ()).await? {
        Collected::Whole(text) => text,
        Collected::Cut => return Err(unsupported()),
    };
    let pairs = Query::<Vec<(String, String)>>::from_query(&String::from_utf8_lossy(&text));
    let fields = pairs.map(Query::into_inner).unwrap_or_default().into_iter().collect();
    Ok(Submission { image: None, fields, lease })
}

/// No content type: fine for an empty body, which then just lacks a picture.
async fn receive_untyped(body: &UploadBody, policy: &UploadPolicy) -> Result<Submission, ApiError> {
    let mut lease = policy.memory.lease();
    match collect(body, 0, &mut lease, |_| ()).await? {
        Collected::Whole(_) => Ok(Submission { image: None, fields: RawFields::default(), lease }),
        Collected::Cut => Err(unsupported()),
    }
}

/// A body that was read to its end.
enum Collected {
    Whole(Bytes),
    /// It was longer than there was room for.
    Cut,
}

/// Reads a body to its end; one that is too long goes to `spill` instead.
async fn collect(
    body: &UploadBody,
    room: u64,
    lease: &mut Lease,
    mut spill: impl FnMut(&[u8]),
) -> Result<Collected, ApiError> {
    let mut stream = body.clone();
    let mut kept = Keeper::new(room, body.announced());
    while let Some(chunk) = stream.next().await {
        let Ok(chunk) = chunk else { break };
        kept.take(&chunk, lease, &mut spill)?;
    }
    if let Some(error) = body.failure() {
        return Err(error);
    }
    let (bytes, total) = kept.finish();
    Ok(if total > room { Collected::Cut } else { Collected::Whole(bytes) })
}

/// Keeps bytes up to a limit and counts them beyond it.
pub(super) struct Keeper {
    room: u64,
    kept: BytesMut,
    total: u64,
}

impl Keeper {
    /// `announced` bytes are made room for at once, within the limit.
    pub(super) fn new(room: u64, announced: Option<u64>) -> Self {
        let capacity = usize::try_from(announced.unwrap_or(0).min(room)).unwrap_or(0);
        Self { room, kept: BytesMut::with_capacity(capacity), total: 0 }
    }

    /// Takes in a chunk; once they are too many, all of them go to `spill`.
    ///
    /// # Errors
    /// 503 when there is no memory for it.
    pub(super) fn take(
        &mut self,
        chunk: &[u8],
        lease: &mut Lease,
        mut spill: impl FnMut(&[u8]),
    ) -> Result<(), ApiError> {
        self.total += chunk.len() as u64;
        if self.total > self.room {
            spill(&std::mem::take(&mut self.kept));
            spill(chunk);
            return Ok(());
        }
        lease.grow(chunk.len() as u64).map_err(full)?;
        self.kept.extend_from_slice(chunk);
        Ok(())
    }

    /// The bytes, empty when they were too many, and how many there were.
    pub(super) fn finish(self) -> (Bytes, u64) {
        (self.kept.freeze(), self.total)
    }
}

pub(super) fn full(_: super::memory::Exhausted) -> ApiError {
    ApiError::busy("memory for uploads is used up")
}
