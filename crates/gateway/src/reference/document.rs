//! The OpenAPI document: the handlers' own annotations, and the errors that the
//! contract gives each of them.

use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        OpenApi,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::errors::{ErrorSchema, Errors, FieldErrorSchema};
use crate::{accounts, credentials::API_KEY, landing, reference, removal, status, usage};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Background removal",
        description = "Removes the background of a picture. Every error is JSON with `error` and \
                       the HTTP `status`; messages are stable, programs may compare them."
    ),
    tags(
        (name = "Pictures", description = "Removing backgrounds."),
        (name = "Usage", description = "What a key's account has used."),
        (name = "Accounts", description = "Registering, signing in, the profile."),
        (name = "Keys", description = "API keys."),
        (name = "Payments", description = "Plans and packs, at Stripe."),
        (name = "Reference", description = "This reference, and the page for people."),
        (name = "Operations", description = "For those who run the service."),
    ),
    paths(
        removal::remove_background,
        usage::membership_usage,
        accounts::register,
        accounts::verify,
        accounts::login,
        accounts::logout,
        accounts::request_reset,
        accounts::confirm_reset,
        accounts::me,
        accounts::list_keys,
        accounts::create_key,
        accounts::revoke_key,
        accounts::open_checkout,
        accounts::open_portal,
        accounts::stripe_webhook,
        reference::openapi,
        reference::docs_page,
        landing::page,
        status::healthz,
        status::readyz,
        status::metrics,
    ),
    components(schemas(ErrorSchema, FieldErrorSchema)),
    modifiers(&Callers, &Errors, &NoLicence),
)]
struct Document;

/// The document as the service gives it at `/api/openapi`.
#[must_use]
pub fn openapi_document() -> OpenApi {
    Document::openapi()
}

/// The document would show an empty licence where the package names none.
struct NoLicence;

impl Modify for NoLicence {
    fn modify(&self, document: &mut OpenApi) {
        document.info.license = None;
    }
}

/// The two ways to say who calls.
struct Callers;

impl Modify for Callers {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = ApiKeyValue::with_description(API_KEY, "An API key of your profile.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of POST /api/auth/login."))
            .build();
        components.add_security_scheme("user_token", SecurityScheme::Http(token));
    }
}
