//! The way to Stripe and back.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Payload},
};
use proto::billing_v1::{self as pb, create_checkout_request::Item};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    credentials::Credentials,
    error::ApiError,
    json_fields::{JsonFields, read_bounded},
};

/// Stripe's events stay far below.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// What is bought: one of the two.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "read by the reference; members are read by name")]
pub(crate) struct Purchase {
    /// A plan to subscribe to.
    #[schema(example = "Premium-20000")]
    plan: Option<String>,
    /// A pack of prepaid credits.
    #[schema(example = "pack-1000")]
    pack: Option<String>,
}

/// Where to send the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Redirect {
    #[schema(example = "https://checkout.stripe.com/c/pay/cs_test_a1b2c3")]
    url: String,
}

/// The event is applied, or was before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    #[schema(example = true)]
    received: bool,
}

/// Opens a Stripe Checkout session for a plan or a pack.
#[utoipa::path(post, path = "/api/billing/checkout", tag = "Payments",
    operation_id = "open_checkout", security(("user_token" = [])), request_body = Purchase,
    responses((status = 200, description = "A page at Stripe.", body = Redirect)))]
pub(crate) async fn open_checkout(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<Json<Redirect>, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let fields = JsonFields::read(&request, payload, &app.uploads).await?;
    let item = match (fields.optional_text("plan")?, fields.optional_text("pack")?) {
        (Some(plan), None) => Item::Plan(plan),
        (None, Some(pack)) => Item::Pack(pack),
        _ => return Err(ApiError::bad_request("Provide either 'plan' or 'pack'.")),
    };
    let call = pb::CreateCheckoutRequest { session_token, item: Some(item) };
    let url = app.billing.create_checkout(call).await?.url;
    Ok(Json(Redirect { url }))
}

/// Opens a session of Stripe's customer portal.
#[utoipa::path(post, path = "/api/billing/portal", tag = "Payments", operation_id = "open_portal",
    security(("user_token" = [])),
    responses((status = 200, description = "A page at Stripe.", body = Redirect)))]
pub(crate) async fn open_portal(
    request: HttpRequest,
    app: Data<App>,
) -> Result<Json<Redirect>, ApiError> {
    let session_token = Credentials::session(request.headers())?;
    let url = app.billing.create_portal(pb::CreatePortalRequest { session_token }).await?.url;
    Ok(Json(Redirect { url }))
}

/// Takes an event of Stripe. The signature is over the body's exact bytes, so
/// they are passed on as they came.
#[utoipa::path(post, path = "/api/stripe/webhook", tag = "Payments",
    operation_id = "stripe_webhook",
    params(("Stripe-Signature" = String, Header, description = "Stripe's signature.")),
    request_body(content = String, content_type = "application/json",
                 description = "Stripe's event."),
    responses((status = 200, description = "Applied, now or before.", body = Receipt)))]
pub(crate) async fn stripe_webhook(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
) -> Result<HttpResponse, ApiError> {
    let signature = request.headers().get("Stripe-Signature");
    let signature = signature.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let payload = read_bounded(&request, payload, &app.uploads, MAX_EVENT_BYTES).await?;
    if signature.is_empty() {
        return Err(ApiError::bad_request("The 'Stripe-Signature' header is missing."));
    }
    let event = pb::ApplyStripeEventRequest { payload, signature };
    app.billing.apply_stripe_event(event).await?;
    Ok(HttpResponse::Ok().json(Receipt { received: true }))
}
