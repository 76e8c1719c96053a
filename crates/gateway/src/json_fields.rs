//! Small JSON bodies of the account endpoints, read by name, with messages that
//! name the member at fault.

use actix_web::{
    HttpRequest,
    http::{StatusCode, header::CONTENT_TYPE},
    web,
};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use validation::NotAnObject;

use crate::{
    error::ApiError,
    removal::{UploadBody, UploadPolicy},
};

/// Far above what a form of accounts needs.
const MAX_BYTES: usize = 16 * 1024;

/// The members of one JSON object.
pub(crate) struct JsonFields(Map<String, Value>);

impl JsonFields {
    /// Reads the body.
    ///
    /// # Errors
    /// 415 for another content type, 400 for anything but a small object, 408
    /// for one that is too slow.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        policy: &UploadPolicy,
    ) -> Result<Self, ApiError> {
        if !is_json(request) {
            let message = "Unsupported content type. Use application/json.";
            return Err(ApiError::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = read_bounded(request, payload, policy, MAX_BYTES).await?;
        let object = serde_json::from_slice(&body);
        object.map(Self).map_err(|_| ApiError::bad_request(NotAnObject.to_string()))
    }

    /// A member that must be a text with something in it.
    pub(crate) fn text(&self, name: &str) -> Result<String, ApiError> {
        self.optional_text(name)?
            .ok_or_else(|| ApiError::bad_request(format!("'{name}' is required")))
    }

    /// A member that may be absent, null or empty.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(ApiError::bad_request(format!("'{name}' must be a string"))),
        }
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// The whole body, if it has at most `limit` bytes and comes as fast as an
/// upload must. What is beyond is left unread; the server closes the connection
/// after the answer.
pub(crate) async fn read_bounded(
    request: &HttpRequest,
    payload: web::Payload,
    policy: &UploadPolicy,
    limit: usize,
) -> Result<web::Bytes, ApiError> {
    let policy = policy.of_at_most(limit);
    let mut stream = UploadBody::new(request.headers(), payload, &policy);
    let mut body = web::BytesMut::new();
    while let Some(Ok(chunk)) = stream.next().await {
        if body.len() + chunk.len() > limit {
            return Err(ApiError::body_too_large());
        }
        body.extend_from_slice(&chunk);
    }
    match stream.failure() {
        Some(error) => Err(error),
        None => Ok(body.freeze()),
    }
}
