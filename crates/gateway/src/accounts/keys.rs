//! The account's API keys.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path, Payload},
};
use proto::billing_v1 as pb;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::timestamp::rfc3339;
use crate::{app::App, credentials::Credentials, error::ApiError, json_fields::JsonFields};

/// What a new key is called.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct KeyWish {
    #[schema(example = "build server")]
    name: String,
}

/// A key as far as it can be shown again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyInfo {
    #[schema(example = "0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11")]
    id: String,
    #[schema(example = "build server")]
    name: String,
    /// The recognisable start of the key.
    #[schema(example = "rk_9f86d081")]
    prefix: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-11-22T12:00:00Z")]
    created_at: String,
    /// RFC 3339, UTC; null when it never was.
    #[schema(format = DateTime, example = "2026-11-22T13:00:00Z")]
    last_used_at: Option<String>,
}

/// A new key, shown this once; hence no `Debug`.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    info: KeyInfo,
    /// The whole key.
    #[schema(example = "rk_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    key: String,
}

impl From<pb::KeyInfo> for KeyInfo {
    fn from(key: pb::KeyInfo) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            created_at: rfc3339(key.created_at_unix),
            last_used_at: key.last_used_at_unix.map(rfc3339),
        }
    }
}

/// Lists the account's keys.
#[utoipa::path(get, path = "/api/keys", tag = "Keys", operation_id = "list_keys",
    security(("user_token" = [])),
    responses((status = 200, description = "The keys, without their secrets.", body = Vec<KeyInfo>)))]
pub(crate) async fn list_keys(
    request: HttpRequest,
    app: Data<App>,
) -> Result<Json<Vec<KeyInfo>>, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let list = app.billing.list_keys(pb::ListKeysRequest { session_token }).await?;
    Ok(Json(list.keys.into_iter().map(Into::into).collect()))
}

/// Makes a key. It is stored as a hash, so this answer is the only one that has it.
#[utoipa::path(post, path = "/api/keys", tag = "Keys", operation_id = "create_key",
    security(("user_token" = [])), request_body = KeyWish,
    responses((status = 201, description = "The key, shown this once.", body = NewKey)))]
pub(crate) async fn create_key(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let name = JsonFields::read(&request, payload, &app.uploads).await?.text("name")?;
    let created = app.billing.create_key(pb::CreateKeyRequest { session_token, name }).await?;
    let info = created.info.unwrap_or_default().into();
    Ok(HttpResponse::Created().json(NewKey { info, key: created.key }))
}

/// Ends a key at once.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "Keys", operation_id = "revoke_key",
    security(("user_token" = [])),
    params(("id" = String, Path, description = "The key's id, as listed.")),
    responses((status = 204, description = "The key is dead.")))]
pub(crate) async fn revoke_key(
    request: HttpRequest,
    id: Path<String>,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let id = id.into_inner();
    app.billing.revoke_key(pb::RevokeKeyRequest { session_token, id }).await?;
    Ok(HttpResponse::NoContent().finish())
}
