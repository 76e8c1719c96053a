//! The finished picture as the client wants it.

use actix_web::{
    HttpResponse,
    http::header::{ACCEPT, HeaderMap, VARY},
    web::Bytes,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use proto::{CutOut, ServiceError, billing_v1::RateStatus, inference_v1::ImageFormat};
use serde::Serialize;
use utoipa::ToSchema;
use validation::OutputFormat;

use super::delivery::AnswerPolicy;
use crate::error::{ApiError, rate_headers};

/// The bytes of the finished picture.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the reference; bytes are sent as they are")]
pub(crate) struct PictureFile(Vec<u8>);

/// The finished picture in JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CutOutJson {
    /// A `data:` URL.
    #[schema(example = "data:image/webp;base64,UklGRg==")]
    image: String,
    /// Pixels.
    #[schema(example = 800)]
    width: u32,
    /// Pixels.
    #[schema(example = 600)]
    height: u32,
    /// `webp`, `png`, `jpeg` or `bmp`.
    #[schema(example = "webp")]
    format: &'static str,
}

/// Bytes of the JSON besides the data URL.
const ROOM_FOR_THE_REST: usize = 128;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Representation {
    Bytes,
    Json,
}

impl Representation {
    /// JSON when it is preferred over pictures. Many HTTP libraries send
    /// `application/json, text/plain, */*` with everything, and mean nothing by
    /// it: a wildcard of the same weight asks for bytes.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let mut json = 0;
        let mut picture = 0;
        let values = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let (media, weight) = weighted(range);
            match media.to_ascii_lowercase().as_str() {
                "application/json" => json = json.max(weight),
                "*/*" => picture = picture.max(weight),
                media if media.starts_with("image/") => picture = picture.max(weight),
                _ => {}
            }
        }
        if json > picture { Self::Json } else { Self::Bytes }
    }

    /// The answer, whose cost is not told yet.
    ///
    /// # Errors
    /// 503 when there is no memory for it.
    pub(super) fn answer(
        self,
        cut_out: CutOut,
        rate: Option<RateStatus>,
        policy: &AnswerPolicy,
    ) -> Result<HttpResponse, ApiError> {
        let mut response = HttpResponse::Ok();
        response
            .insert_header((VARY, "Accept"))
            .insert_header(("X-Width", cut_out.width))
            .insert_header(("X-Height", cut_out.height))
            .insert_header(("X-Model", cut_out.model.as_str()))
            .insert_header(("X-Processing-Ms", cut_out.processing_ms));
        if let Some(rate) = rate {
            rate_headers(&mut response, &rate);
        }
        let format = output_format(cut_out.format);
        let (kind, body) = match self {
            Self::Bytes => (format.content_type(), cut_out.image),
            Self::Json => ("application/json", CutOutJson::write(cut_out, format)?),
        };
        Ok(response.content_type(kind).body(policy.deliver(body)?))
    }
}

impl CutOutJson {
    fn write(cut_out: CutOut, format: OutputFormat) -> Result<Bytes, ApiError> {
        let mut image = format!("data:{};base64,", format.content_type());
        BASE64_STANDARD.encode_string(&cut_out.image, &mut image);
        let (width, height) = (cut_out.width, cut_out.height);
        // Far the larger of the two is gone before the text is copied.
        drop(cut_out);
        let answer = Self { image, width, height, format: format.name() };
        let mut text = Vec::with_capacity(answer.image.len() + ROOM_FOR_THE_REST);
        serde_json::to_writer(&mut text, &answer)
            .map_err(|error| ServiceError::internal(error.to_string()))?;
        Ok(text.into())
    }
}

/// A media range and its weight in thousandths (RFC 9110, section 12.4.2).
fn weighted(range: &str) -> (&str, u32) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let weight = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(1000, thousandths);
    (media, weight)
}

/// `0.25` as 250; nonsense as 0.
fn thousandths(weight: &str) -> u32 {
    match weight.split_once('.').unwrap_or((weight, "")) {
        ("0", fraction) => {
            format!("{fraction:0<3}").get(..3).map_or(0, |digits| digits.parse().unwrap_or(0))
        }
        ("1", _) => 1000,
        _ => 0,
    }
}

/// An answer without a known format would be a fault of the worker; WebP is
/// what it makes by default.
fn output_format(format: ImageFormat) -> OutputFormat {
    match format {
        ImageFormat::Unspecified | ImageFormat::Webp => OutputFormat::Webp,
        ImageFormat::Png => OutputFormat::Png,
        ImageFormat::Jpeg => OutputFormat::Jpeg,
        ImageFormat::Bmp => OutputFormat::Bmp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_only_when_it_is_preferred() {
        let cases = [
            ("application/json", Representation::Json),
            ("Application/JSON", Representation::Json),
            ("application/json;q=0.5", Representation::Json),
            ("application/json, */*;q=0.1", Representation::Json),
            ("text/html, application/json", Representation::Json),
            ("application/json, text/plain, */*", Representation::Bytes),
            ("*/*", Representation::Bytes),
            ("image/png", Representation::Bytes),
            ("image/*, application/json;q=0.9", Representation::Bytes),
            ("application/json;q=0", Representation::Bytes),
            ("", Representation::Bytes),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("value"));
            assert_eq!(Representation::wanted(&headers), expected, "{accept}");
        }
        assert_eq!(Representation::wanted(&HeaderMap::new()), Representation::Bytes);
    }
}
