//! The errors of each endpoint, with an example for each message.
//!
//! The texts come from the same place as the answers themselves, so the
//! reference cannot promise what the service does not say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    Modify, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        example::{Example, ExampleBuilder},
        path::Operation,
    },
};
use validation::{Field, Message, UsageMessage, service};

/// The body of every error.
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "read by the reference")]
pub(super) struct ErrorSchema {
    /// The message.
    error: String,
    /// For programs, with every 429: `rate_limited`, `daily_limit` or `out_of_credits`.
    code: Option<String>,
    /// Every fault, when a request has several.
    details: Option<Vec<FieldErrorSchema>>,
    /// The HTTP status.
    status: u16,
    /// With a 500: the request's name.
    request_id: Option<String>,
}

/// One fault of one field.
#[derive(ToSchema)]
#[schema(as = FieldError)]
#[expect(dead_code, reason = "read by the reference")]
pub(super) struct FieldErrorSchema {
    /// The field at fault.
    field: String,
    /// What is wrong with it.
    message: String,
}

/// Adds to each operation the errors that it can answer with.
pub(super) struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut OpenApi) {
        for path in document.paths.paths.values_mut() {
            let operations =
                [&mut path.get, &mut path.post, &mut path.delete].into_iter().flatten();
            operations.for_each(add_errors);
        }
    }
}

fn add_errors(operation: &mut Operation) {
    let mut by_status: BTreeMap<u16, Vec<Value>> = BTreeMap::new();
    let name = operation.operation_id.as_deref().unwrap_or_default();
    for (status, body) in errors_of(name) {
        by_status.entry(status).or_default().push(body);
    }
    for (status, bodies) in by_status {
        let response = RefOr::T(response(status, bodies));
        operation.responses.responses.entry(status.to_string()).or_insert(response);
    }
}

fn response(status: u16, bodies: Vec<Value>) -> Response {
    let examples = bodies.into_iter().enumerate().map(|(at, body)| {
        let summary = body["error"].as_str().unwrap_or_default().to_owned();
        let example: Example = ExampleBuilder::new().summary(summary).value(Some(body)).build();
        (format!("{:02}", at + 1), example.into())
    });
    let mut content = Content::new(Some(Ref::from_schema_name("Error")));
    content.examples = examples.collect();
    ResponseBuilder::new()
        .description(describe(status))
        .content("application/json", content)
        .build()
}

fn describe(status: u16) -> &'static str {
    match status {
        400 => "The request is faulty.",
        401 => "Nobody is known by that.",
        403 => "Not allowed yet.",
        404 => "There is no such thing.",
        408 => "The upload took too long.",
        409 => "It contradicts an earlier request.",
        415 => "The content type carries nothing that is understood.",
        429 => "Too much for now; `Retry-After` tells when to come back.",
        503 => "Busy; `Retry-After` tells when to come back.",
        504 => "The deadline passed.",
        _ => "Something went wrong inside; the request's name helps to find out what.",
    }
}

/// Every error of an operation: its own, then those that any can have.
fn errors_of(operation: &str) -> Vec<(u16, Value)> {
    let own = match operation {
        "remove_background" => removal_errors(),
        "membership_usage" => usage_errors(),
        "register" | "request_password_reset" => vec![body_error("'email' is required")],
        "login" => {
            vec![body_error("'email' is required"), unauthorized(service::INVALID_CREDENTIALS)]
        }
        "verify_email" | "confirm_password_reset" => {
            vec![body_error("'token' is required"), unauthorized(service::INVALID_SESSION)]
        }
        "create_key" => {
            vec![body_error("'name' is required"), unauthorized(service::INVALID_SESSION)]
        }
        "revoke_key" => vec![unauthorized(service::INVALID_SESSION), error(404, "Not found")],
        "open_checkout" => {
            let message = "Provide either 'plan' or 'pack'.";
            vec![body_error(message), unauthorized(service::INVALID_SESSION)]
        }
        "logout" | "get_account" | "list_keys" | "open_portal" => {
            vec![unauthorized(service::INVALID_SESSION), body_error(service::KEY_AND_TOKEN)]
        }
        "stripe_webhook" => vec![body_error("The 'Stripe-Signature' header is missing.")],
        _ => return Vec::new(),
    };
    own.into_iter().chain(takes_json(operation)).chain(common_errors()).collect()
}

fn common_errors() -> [(u16, Value); 3] {
    let mut internal = json!({ "error": service::INTERNAL, "status": 500 });
    internal["request_id"] = json!("0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11");
    [(500, internal), error(503, service::BUSY), error(504, service::DEADLINE)]
}

fn takes_json(operation: &str) -> Option<(u16, Value)> {
    let json_bodies = [
        "register",
        "login",
        "verify_email",
        "request_password_reset",
        "confirm_password_reset",
        "create_key",
        "open_checkout",
    ];
    json_bodies
        .contains(&operation)
        .then(|| error(415, "Unsupported content type. Use application/json."))
}

fn removal_errors() -> Vec<(u16, Value)> {
    let several = json!({
        "error": "Multiple validation errors",
        "details": [
            { "field": "w",
              "message": Message::NotAnInteger { field: Field::W, raw: "abc".into() }.to_string() },
            { "field": "angle", "message": Message::AngleOutOfRange(500.0).to_string() },
        ],
        "status": 400,
    });
    let mut errors: Vec<_> =
        removal_messages().into_iter().map(|message| error(400, &message.to_string())).collect();
    errors.extend([
        (400, several),
        error(400, service::KEY_AND_TOKEN),
        unauthorized(service::INVALID_API_KEY),
        unauthorized(service::INVALID_SESSION),
        error(403, service::EMAIL_NOT_VERIFIED),
        error(408, "The upload took too long."),
        error(409, "This Idempotency-Key was used for another request."),
        error(415, "Unsupported content type. Use multipart/form-data or application/json."),
        limited("rate_limited", service::RATE_LIMITED),
        limited("daily_limit", service::DAILY_LIMIT),
        limited("out_of_credits", service::OUT_OF_CREDITS),
    ]);
    errors
}

fn removal_messages() -> Vec<Message> {
    const LIMIT: u64 = 50 * 1024 * 1024;
    vec![
        Message::NoImage,
        Message::NoFileSelected,
        Message::UnsupportedExtension(".exe".into()),
        Message::InvalidImage,
        Message::EmptyFile,
        Message::FileTooLarge { bytes: 57_881_395, limit: LIMIT },
        Message::TooWide { width: 12_000, limit: 10_000 },
        Message::TooTall { height: 15_000, limit: 10_000 },
        Message::NotAnInteger { field: Field::W, raw: "abc".into() },
        Message::BelowMinimum { field: Field::W, value: "-5".into() },
        Message::AboveMaximum { field: Field::W, value: "15000".into() },
        Message::AngleNotANumber("ninety".into()),
        Message::AngleOutOfRange(500.0),
        Message::NotABoolean { field: Field::Mask, raw: "maybe".into() },
        Message::InvalidFormat("gif".into()),
        Message::InvalidColour("#12345".into()),
        Message::MaskWithBackground,
    ]
}

fn usage_errors() -> Vec<(u16, Value)> {
    let year =
        UsageMessage::OutOfRange { name: "year", min: 1, max: 9999, raw: "0".into() }.to_string();
    let month =
        UsageMessage::OutOfRange { name: "month", min: 1, max: 12, raw: "13".into() }.to_string();
    let both = UsageMessage::PeriodWithMonth.to_string();
    vec![
        error(400, &year),
        error(400, &month),
        error(400, &both),
        error(400, service::KEY_AND_TOKEN),
        unauthorized(service::INVALID_API_KEY),
    ]
}

fn error(status: u16, message: &str) -> (u16, Value) {
    (status, json!({ "error": message, "status": status }))
}

fn body_error(message: &str) -> (u16, Value) {
    error(400, message)
}

fn unauthorized(message: &str) -> (u16, Value) {
    error(401, message)
}

fn limited(code: &str, message: &str) -> (u16, Value) {
    (429, json!({ "error": message, "code": code, "status": 429 }))
}
