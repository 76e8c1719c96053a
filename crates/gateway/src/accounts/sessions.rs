//! Registering, verifying, signing in and out, and forgotten passwords.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Payload},
};
use proto::billing_v1 as pb;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::timestamp::rfc3339;
use crate::{app::App, credentials::Credentials, error::ApiError, json_fields::JsonFields};

/// An account by its e-mail address and password.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct EmailAndPassword {
    #[schema(example = "ada@example.org")]
    email: String,
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
}

/// The token of a mail's link.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct MailToken {
    #[schema(example = "q4V1mDkZ0x8T3yPbN6sWc2RfHj7uLeAa")]
    token: String,
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct ResetWish {
    #[schema(example = "ada@example.org")]
    email: String,
}

/// The token of the reset mail's link, and the new password.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct NewPassword {
    #[schema(example = "q4V1mDkZ0x8T3yPbN6sWc2RfHj7uLeAa")]
    token: String,
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
}

/// An account that waits for its e-mail to be verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registered {
    #[schema(example = "0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11")]
    id: String,
    #[schema(example = "ada@example.org")]
    email: String,
    /// Always false here.
    #[schema(example = false)]
    email_verified: bool,
}

/// A session of a signed-in user. Its token is a secret, so there is no `Debug`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    /// For `Authorization: Bearer …`.
    #[schema(example = "q4V1mDkZ0x8T3yPbN6sWc2RfHj7uLeAa")]
    token: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-12-22T12:00:00Z")]
    expires_at: String,
}

/// A step that has nothing more to tell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// What happens next, for people.
    #[schema(example = "Your email address is verified.")]
    message: &'static str,
}

/// Makes an account. The answer is the same whether or not the address was
/// known: what happens then is told by mail, to the address alone.
#[utoipa::path(post, path = "/api/auth/register", tag = "Accounts", operation_id = "register",
    request_body = EmailAndPassword,
    responses((status = 201, description = "A mail with a link is on its way.", body = Registered)))]
pub(crate) async fn register(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let call = pb::RegisterRequest {
        email: fields.text("email")?,
        password: fields.text("password")?,
        address: app.proxies.client_of(&request),
    };
    let account = app.billing.register(call).await?;
    let body = Registered { id: account.id, email: account.email, email_verified: false };
    Ok(HttpResponse::Created().json(body))
}

/// Takes the token of the verification mail.
#[utoipa::path(post, path = "/api/auth/verify", tag = "Accounts", operation_id = "verify_email",
    request_body = MailToken,
    responses((status = 200, description = "The e-mail address is verified.", body = Done)))]
pub(crate) async fn verify(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<Json<Done>, ApiError> {
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let call = pb::VerifyEmailRequest {
        token: fields.text("token")?,
        address: app.proxies.client_of(&request),
    };
    app.billing.verify_email(call).await?;
    Ok(Json(Done { message: "Your email address is verified." }))
}

/// Opens a session.
#[utoipa::path(post, path = "/api/auth/login", tag = "Accounts", operation_id = "login",
    request_body = EmailAndPassword,
    responses((status = 200, description = "Signed in.", body = SignedIn)))]
pub(crate) async fn login(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<Json<SignedIn>, ApiError> {
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let call = pb::LoginRequest {
        email: fields.text("email")?,
        password: fields.text("password")?,
        address: app.proxies.client_of(&request),
    };
    let session = app.billing.login(call).await?;
    Ok(Json(SignedIn { token: session.token, expires_at: rfc3339(session.expires_at_unix) }))
}

/// Ends the session; its token is dead from then on.
#[utoipa::path(post, path = "/api/auth/logout", tag = "Accounts", operation_id = "logout",
    security(("user_token" = [])),
    responses((status = 204, description = "Signed out.")))]
pub(crate) async fn logout(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    app.billing.logout(pb::LogoutRequest { session_token }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Mails a reset link where the address is known, and tells nobody whether.
#[utoipa::path(post, path = "/api/auth/password-reset", tag = "Accounts",
    operation_id = "request_password_reset", request_body = ResetWish,
    responses((status = 202, description = "Always.", body = Done)))]
pub(crate) async fn request_reset(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let call = pb::RequestPasswordResetRequest {
        email: fields.text("email")?,
        address: app.proxies.client_of(&request),
    };
    app.billing.request_password_reset(call).await?;
    let message = "If the address is known, a mail with a link is on its way.";
    Ok(HttpResponse::Accepted().json(Done { message }))
}

/// Sets a new password and ends all sessions of the account.
#[utoipa::path(post, path = "/api/auth/password-reset/confirm", tag = "Accounts",
    operation_id = "confirm_password_reset", request_body = NewPassword,
    responses((status = 200, description = "The password is set.", body = Done)))]
pub(crate) async fn confirm_reset(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<Json<Done>, ApiError> {
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let call = pb::ConfirmPasswordResetRequest {
        token: fields.text("token")?,
        password: fields.text("password")?,
        address: app.proxies.client_of(&request),
    };
    app.billing.confirm_password_reset(call).await?;
    Ok(Json(Done { message: "Your password is set. Please sign in." }))
}
