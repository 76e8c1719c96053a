//! `POST /rmbg`: a picture in, its cut-out out.
//!
//! The order is the contract's: whom the request claims to be, then the upload
//! and its fields, then whether the caller may and can pay, then the work. So a
//! refused caller costs no work. A key or token that may not call at all is told
//! so whatever else is wrong; all other refusals come after the request's faults.

mod answer;
mod body;
mod delivery;
mod disposition;
mod excerpt;
mod form;
mod idempotency;
mod inline;
mod memory;
mod reservation;
mod submission;

use std::time::Instant;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderMap, HeaderName},
    web::{self, Data},
};
use proto::{
    RemoveJob,
    inference_v1::{ImageFormat, RenderSpec},
};
use validation::{Colour, Options, OutputFormat};

use self::{
    answer::Representation,
    idempotency::IdempotencyKey,
    reservation::Reservation,
    submission::{Accepted, Submission},
};
pub(crate) use self::{
    answer::{CutOutJson, PictureFile},
    body::{UploadBody, UploadPolicy},
    delivery::AnswerPolicy,
    submission::{JsonUpload, Upload},
};
use crate::{
    app::App, credentials::Credentials, error::ApiError, identity::first_told,
    request_id::RequestId,
};

/// What one picture costs.
const CREDITS: u32 = 1;
const CREDITS_CHARGED: HeaderName = HeaderName::from_static("x-credits-charged");

/// Removes the background of one picture.
///
/// The picture is taken from the file's signature; its name and declared type
/// are not trusted. Credits are charged on success only.
#[utoipa::path(post, path = "/rmbg", tag = "Pictures", operation_id = "remove_background",
    security((), ("api_key" = []), ("user_token" = [])),
    params(
        ("Accept" = Option<String>, Header,
         description = "`application/json` alone asks for JSON with a data URL instead of bytes."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "The same key and the same request within 24 hours is charged once."),
        ("X-Request-Id" = Option<String>, Header,
         description = "Names the request: up to 64 letters, digits, `-`, `_`, `.`."),
    ),
    request_body(content(
        (Upload = "multipart/form-data"),
        (JsonUpload = "application/json"),
    )),
    responses((status = 200, description = "The finished picture.",
        content(
            (PictureFile = "image/webp"), (PictureFile = "image/png"),
            (PictureFile = "image/jpeg"), (PictureFile = "image/bmp"),
            (CutOutJson = "application/json"),
        ),
        headers(
            ("Content-Length" = u64, description = "Always present."),
            ("X-Credits-Charged" = u32, description = "What this picture cost."),
            ("X-Width" = u32, description = "Width of the answer in pixels."),
            ("X-Height" = u32, description = "Height of the answer in pixels."),
            ("X-Request-Id" = String, description = "The name of the request."),
            ("X-Model" = String, description = "Name and version of the network."),
            ("X-Processing-Ms" = u64, description = "Milliseconds of work."),
            ("X-RateLimit-Limit" = u32, description = "Requests a period of the plan."),
            ("X-RateLimit-Remaining" = u32, description = "Requests left in the period."),
            ("X-RateLimit-Reset" = u32, description = "Seconds until the limit is whole again."),
        ))))]
pub(crate) async fn remove_background(
    request: HttpRequest,
    payload: web::Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let body = UploadBody::new(request.headers(), payload, &app.uploads);
    let result = serve(&request, &body, &app).await;
    if result.is_err() {
        // Many clients read the answer only once they have sent everything, so
        // an early refusal has to take the rest in first.
        body.drain().await;
    }
    result
}

async fn serve(
    request: &HttpRequest,
    body: &UploadBody,
    app: &App,
) -> Result<HttpResponse, ApiError> {
    let headers = request.headers();
    let credentials = Credentials::of(headers)?;
    let caller = credentials.into_caller(app.proxies.client_of(request));
    let (idempotency_key, accepted) = match judge(headers, body, app).await {
        Ok(judged) => judged,
        Err(fault) => {
            return Err(first_told(app, caller, fault, ApiError::is_of_identity).await);
        }
    };
    let deadline = Instant::now() + app.deadline;

    let fingerprint = accepted.fingerprint;
    let reservation = Reservation::open(app, caller, idempotency_key, fingerprint, CREDITS).await?;
    let job = RemoveJob {
        image: accepted.image,
        width: accepted.stored.width,
        height: accepted.stored.height,
        spec: render_spec(&accepted.options),
        request_id: RequestId::of(request).as_str().to_owned(),
        deadline: Some(deadline),
        model: None,
    };
    let cut_out = app.inference.run(job, |stage| tracing::debug!(?stage, "working")).await?;
    // There must be room for the answer before anything is charged.
    let representation = Representation::wanted(headers);
    let mut response = representation.answer(cut_out, reservation.rate(), &app.answers).await?;
    response.headers_mut().insert(CREDITS_CHARGED, reservation.commit().await.into());
    Ok(response)
}

/// Reads the request and judges it without regard to the caller.
async fn judge(
    headers: &HeaderMap,
    body: &UploadBody,
    app: &App,
) -> Result<(IdempotencyKey, Accepted), ApiError> {
    let idempotency_key = IdempotencyKey::of(headers)?;
    let submission = Submission::receive(headers, body, app.uploads.clone()).await?;
    let limits = app.limits;
    let accepted = off_thread(move || submission.accept(&limits)).await??;
    Ok((idempotency_key, accepted))
}

/// Work that would hold up the other requests of this thread.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    web::block(work).await.map_err(|_| ApiError::busy("the blocking pool is gone"))
}

/// The options as the worker reads them.
fn render_spec(options: &Options) -> RenderSpec {
    RenderSpec {
        format: image_format(options.format).into(),
        width: options.width.map_or(0, validation::Pixels::get),
        height: options.height.map_or(0, validation::Pixels::get),
        exact: options.exact_resize,
        mask: options.mask,
        background: options.background.map(packed),
        angle: options.angle.degrees(),
        expand: options.expand,
    }
}

fn image_format(format: OutputFormat) -> ImageFormat {
    match format {
        OutputFormat::Webp => ImageFormat::Webp,
        OutputFormat::Png => ImageFormat::Png,
        OutputFormat::Jpeg => ImageFormat::Jpeg,
        OutputFormat::Bmp => ImageFormat::Bmp,
    }
}

/// 0xRRGGBBAA.
fn packed(colour: Colour) -> u32 {
    u32::from_be_bytes([colour.red, colour.green, colour.blue, colour.alpha])
}
