//! Who a request says it comes from. Only billing knows whether that is true.

use actix_web::http::header::{self, HeaderMap};
use proto::{
    ErrorCode, ServiceError,
    billing_v1::{Anonymous, Caller, caller::Credential},
};
use validation::service;

use crate::error::ApiError;

/// The header of an API key.
pub(crate) const API_KEY: &str = "x-api-key";

/// One identity, or none. There is no `Debug`: the texts are secrets.
pub(crate) enum Credentials {
    /// The anonymous trial.
    Anonymous,
    /// An API key.
    ApiKey(String),
    /// A signed-in user's token.
    Session(String),
}

impl Credentials {
    /// Reads the headers.
    ///
    /// # Errors
    /// 400 for two identities at once, 401 for a key or token that is there but
    /// empty or unreadable: treating those as anonymous would hide a mistake.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let key = headers.get(API_KEY);
        let token = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        match (key, token) {
            (Some(_), Some(_)) => Err(ApiError::bad_request(service::KEY_AND_TOKEN)),
            (Some(key), None) => {
                readable(key.as_bytes(), ErrorCode::InvalidApiKey).map(Self::ApiKey)
            }
            (None, Some(token)) => readable(token, ErrorCode::InvalidSession).map(Self::Session),
            (None, None) => Ok(Self::Anonymous),
        }
    }

    /// The token of a signed-in user.
    ///
    /// # Errors
    /// 401 for anybody else, 400 for two identities.
    pub(crate) fn session(headers: &HeaderMap) -> Result<String, ApiError> {
        match Self::of(headers)? {
            Self::Session(token) => Ok(token),
            Self::ApiKey(_) | Self::Anonymous => Err(unknown(ErrorCode::InvalidSession)),
        }
    }

    /// An API key, as a caller.
    ///
    /// # Errors
    /// 401 for anybody else, 400 for two identities.
    pub(crate) fn api_key(headers: &HeaderMap, address: String) -> Result<Caller, ApiError> {
        match Self::of(headers)? {
            key @ Self::ApiKey(_) => Ok(key.into_caller(address)),
            Self::Session(_) | Self::Anonymous => Err(unknown(ErrorCode::InvalidApiKey)),
        }
    }

    /// What billing is told.
    pub(crate) fn into_caller(self, address: String) -> Caller {
        let credential = match self {
            Self::Anonymous => Credential::Anonymous(Anonymous {}),
            Self::ApiKey(key) => Credential::ApiKey(key),
            Self::Session(token) => Credential::SessionToken(token),
        };
        Caller { credential: Some(credential), address }
    }
}

/// What follows `Bearer`, in any letter case. Other schemes are not ours: a
/// proxy in front may use them.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("bearer".len())?;
    let separated = token.first().is_none_or(|byte| *byte == b' ');
    (scheme.eq_ignore_ascii_case(b"bearer") && separated).then_some(token)
}

fn readable(secret: &[u8], otherwise: ErrorCode) -> Result<String, ApiError> {
    match std::str::from_utf8(secret).map(str::trim) {
        Ok(secret) if !secret.is_empty() => Ok(secret.to_owned()),
        _ => Err(unknown(otherwise)),
    }
}

fn unknown(code: ErrorCode) -> ApiError {
    ServiceError::new(code, "absent or unreadable").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{ResponseError as _, http::header::HeaderName};

    fn read(headers: &[(&'static str, &str)]) -> Result<String, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().expect("value"));
        }
        match Credentials::of(&map) {
            Ok(Credentials::Anonymous) => Ok("anonymous".to_owned()),
            Ok(Credentials::ApiKey(key)) => Ok(format!("key {key}")),
            Ok(Credentials::Session(token)) => Ok(format!("token {token}")),
            Err(error) => Err(error.status_code().as_u16()),
        }
    }

    /// Headers, and what they say or how they are refused.
    type Case<'a> = (&'a [(&'static str, &'a str)], Result<&'a str, u16>);

    #[test]
    fn identities() {
        let cases: &[Case<'_>] = &[
            (&[], Ok("anonymous")),
            (&[("x-api-key", "k")], Ok("key k")),
            (&[("x-api-key", " k ")], Ok("key k")),
            (&[("authorization", "Bearer t")], Ok("token t")),
            (&[("authorization", "bearer  t ")], Ok("token t")),
            (&[("authorization", "Basic dTpw")], Ok("anonymous")),
            (&[("authorization", "Bearerish t")], Ok("anonymous")),
            (&[("x-api-key", "k"), ("authorization", "Basic dTpw")], Ok("key k")),
            (&[("x-api-key", "k"), ("authorization", "Bearer t")], Err(400)),
            (&[("x-api-key", ""), ("authorization", "Bearer ")], Err(400)),
            (&[("x-api-key", "")], Err(401)),
            (&[("authorization", "Bearer")], Err(401)),
            (&[("authorization", "Bearer ")], Err(401)),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(headers), expected.map(str::to_owned), "{headers:?}");
        }
    }
}
