//! The finished picture as the client wants it.

use actix_web::{
    HttpResponse,
    http::header::{ACCEPT, HeaderMap, VARY},
    web::Bytes,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use proto::{CutOut, billing_v1::RateStatus, inference_v1::ImageFormat};
use utoipa::ToSchema;
use validation::OutputFormat;

use super::{delivery::AnswerPolicy, off_thread};
use crate::error::{ApiError, rate_headers};

/// The bytes of the finished picture.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the reference; bytes are sent as they are")]
pub(crate) struct PictureFile(Vec<u8>);

/// The finished picture in JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the reference; written by hand")]
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
    pub(super) async fn answer(
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
        let lease = policy.lease(self.room(cut_out.image.len()))?;
        let body = match self {
            Self::Bytes => cut_out.image,
            Self::Json => off_thread(move || CutOutJson::write(&cut_out, format)).await?,
        };
        response.content_type(self.content_type(format));
        Ok(response.body(policy.deliver(body, lease)))
    }

    /// Bytes that the answer of a picture of so many takes at most.
    fn room(self, image: usize) -> u64 {
        match self {
            Self::Bytes => image as u64,
            Self::Json => CutOutJson::room(image) as u64,
        }
    }

    fn content_type(self, format: OutputFormat) -> &'static str {
        match self {
            Self::Bytes => format.content_type(),
            Self::Json => "application/json",
        }
    }
}

impl CutOutJson {
    fn room(image: usize) -> usize {
        image.div_ceil(3) * 4 + ROOM_FOR_THE_REST
    }

    /// Written by hand, because the data URL may have hundreds of megabytes: it
    /// is encoded where it stays. Nothing in it needs escaping.
    fn write(cut_out: &CutOut, format: OutputFormat) -> Bytes {
        let mut text = String::with_capacity(Self::room(cut_out.image.len()));
        text += &format!(r#"{{"image":"data:{};base64,"#, format.content_type());
        BASE64_STANDARD.encode_string(&cut_out.image, &mut text);
        let (width, height, name) = (cut_out.width, cut_out.height, format.name());
        text += &format!(r#"","width":{width},"height":{height},"format":"{name}"}}"#);
        text.into()
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

    #[test]
    fn json_fits_its_room() {
        for length in [0, 1, 2, 3, 1000] {
            let cut_out = CutOut {
                image: vec![7; length].into(),
                width: 10_000,
                height: 10_000,
                format: ImageFormat::Jpeg,
                model: String::new(),
                processing_ms: 0,
            };
            let text = CutOutJson::write(&cut_out, OutputFormat::Jpeg);
            assert!(text.len() as u64 <= Representation::Json.room(length), "{length}");
            let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            let image = BASE64_STANDARD.encode(&cut_out.image);
            let expected = serde_json::json!({
                "image": format!("data:image/jpeg;base64,{image}"),
                "width": 10_000, "height": 10_000, "format": "jpeg",
            });
            assert_eq!(json, expected);
        }
    }
}
