//! `GET /api/me`: the signed-in account.

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use proto::billing_v1::GetAccountRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::timestamp::rfc3339;
use crate::{app::App, credentials::Credentials, error::ApiError, usage::BillingCycle};

/// The account, its plan, its credits and its window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    #[schema(example = "0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11")]
    id: String,
    #[schema(example = "ada@example.org")]
    email: String,
    /// Pictures are refused until it is.
    email_verified: bool,
    /// RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-11-22T12:00:00Z")]
    created_at: String,
    /// The plan's name.
    #[schema(example = "Premium-20000")]
    plan: String,
    /// Credits that the plan includes a window.
    #[schema(example = 18500)]
    credits: i64,
    /// Included credits left in the window.
    #[schema(example = 9200)]
    remaining_included_credits: i64,
    /// Prepaid credits left.
    #[schema(example = 2000)]
    prepaid_credits: i64,
    /// The current window.
    billing_cycle: Option<BillingCycle>,
}

/// The signed-in account.
#[utoipa::path(get, path = "/api/me", tag = "Accounts", operation_id = "get_account",
    security(("user_token" = [])),
    responses((status = 200, description = "The account.", body = Account)))]
pub(crate) async fn me(request: HttpRequest, app: Data<App>) -> Result<Json<Account>, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let account = app.billing.get_account(GetAccountRequest { session_token }).await?;
    Ok(Json(Account {
        id: account.id,
        email: account.email,
        email_verified: account.email_verified,
        created_at: rfc3339(account.created_at_unix),
        plan: account.membership,
        credits: account.credits,
        remaining_included_credits: account.remaining_included_credits,
        prepaid_credits: account.prepaid_credits,
        billing_cycle: account.billing_cycle.map(Into::into),
    }))
}
