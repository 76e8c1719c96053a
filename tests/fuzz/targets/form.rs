//! Any bytes as a form, in pieces of any size, down to typed options; and as
//! JSON.

#![no_main]

use actix_http::error::PayloadError;
use actix_multipart::Multipart;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_executor::block_on;
use futures_util::{StreamExt as _, stream};
use libfuzzer_sys::fuzz_target;
use validation::{
    Dimensions, ImageFacts, JsonRequest, Limits, Options, OutputSizes, RawFields, parse,
};

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else { return };
    // A parser that waits for more than the whole body runs into the time limit.
    judge(block_on(read(body, usize::from(*piece) + 1)));
    if let Ok(request) = JsonRequest::parse(body) {
        judge((request.image.is_some(), request.fields));
    }
});

async fn read(body: &[u8], piece: usize) -> (bool, RawFields) {
    let mut headers = HeaderMap::new();
    let boundary = HeaderValue::from_static("multipart/form-data; boundary=x");
    headers.insert(header::CONTENT_TYPE, boundary);
    let pieces: Vec<_> =
        body.chunks(piece).map(|piece| Ok::<_, PayloadError>(Bytes::copy_from_slice(piece))).collect();
    let mut form = Multipart::new(&headers, stream::iter(pieces));
    let (mut image, mut fields) = (false, RawFields::default());
    while let Some(Ok(mut part)) = form.next().await {
        let name = part.name().unwrap_or_default().to_owned();
        let mut value = Vec::new();
        while let Some(Ok(chunk)) = part.next().await {
            value.extend_from_slice(&chunk);
        }
        image |= name == "image";
        fields.insert(&name, String::from_utf8_lossy(&value));
    }
    (image, fields)
}

fn judge((image, fields): (bool, RawFields)) {
    let dimensions = Some(Dimensions { width: 640, height: 480 });
    let facts = image.then_some(ImageFacts { file_name: Some("a.png"), bytes: 1, dimensions });
    let unchanged = |size, _: &Options| OutputSizes { rotated: size, finished: size };
    if let Err(rejection) = parse(facts, &fields, &Limits::default(), unchanged) {
        assert!(!rejection.message().is_empty());
    }
}
