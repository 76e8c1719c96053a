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
use validation::{Field, Message, NotAnObject, UsageMessage, service};

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

const EMAIL_REQUIRED: &str = "'email' is required";
const EMAIL_MALFORMED: &str = "'email' must be an e-mail address";
const PASSWORD_REQUIRED: &str = "'password' is required";
const PASSWORD_LENGTH: &str = "'password' must be 8 to 200 characters";
const TOKEN_REQUIRED: &str = "'token' is required";
const DEAD_LINK: &str = "this link is invalid or has expired";
const NOTHING_SOLD: &str = "nothing is sold here";

/// Every error of an operation: its own, then those that any can have.
fn errors_of(operation: &str) -> Vec<(u16, Value)> {
    let own = match operation {
        "remove_background" => removal_errors(),
        "membership_usage" => usage_errors(),
        "register" => {
            [EMAIL_REQUIRED, EMAIL_MALFORMED, PASSWORD_REQUIRED, PASSWORD_LENGTH].map(bad).into()
        }
        "request_password_reset" => vec![bad(EMAIL_REQUIRED)],
        "login" => {
            let wrong = unauthorized(service::INVALID_CREDENTIALS);
            vec![bad(EMAIL_REQUIRED), bad(PASSWORD_REQUIRED), wrong]
        }
        "verify_email" => [TOKEN_REQUIRED, DEAD_LINK].map(bad).into(),
        "confirm_password_reset" => {
            [TOKEN_REQUIRED, PASSWORD_REQUIRED, PASSWORD_LENGTH, DEAD_LINK].map(bad).into()
        }
        "create_key" => vec![
            bad("'name' is required"),
            bad("'name' must be 1 to 100 characters"),
            error(409, "too many keys: revoke one first"),
        ],
        "revoke_key" => vec![error(404, "no such key")],
        "open_checkout" => {
            vec![bad("Provide either 'plan' or 'pack'."), error(404, NOTHING_SOLD)]
        }
        "open_portal" => {
            vec![error(404, NOTHING_SOLD), error(409, "you have not bought anything yet")]
        }
        "logout" | "get_account" | "list_keys" => Vec::new(),
        "stripe_webhook" => vec![bad("The 'Stripe-Signature' header is missing.")],
        _ => return Vec::new(),
    };
    let own = own.into_iter().chain(of_a_session(operation)).chain(of_strangers(operation));
    own.chain(of_json_bodies(operation)).chain(common_errors()).collect()
}

fn common_errors() -> [(u16, Value); 3] {
    let mut internal = json!({ "error": service::INTERNAL, "status": 500 });
    internal["request_id"] = json!("0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11");
    [(500, internal), error(503, service::BUSY), error(504, service::DEADLINE)]
}

/// Who is signed in proves it with a token.
fn of_a_session(operation: &str) -> Vec<(u16, Value)> {
    const SIGNED_IN: [&str; 7] = [
        "logout",
        "get_account",
        "list_keys",
        "create_key",
        "revoke_key",
        "open_checkout",
        "open_portal",
    ];
    if !SIGNED_IN.contains(&operation) {
        return Vec::new();
    }
    vec![bad(service::KEY_AND_TOKEN), unauthorized(service::INVALID_SESSION)]
}

/// Who may not try for ever.
fn of_strangers(operation: &str) -> Option<(u16, Value)> {
    const TRIES: [&str; 5] =
        ["register", "login", "verify_email", "request_password_reset", "confirm_password_reset"];
    TRIES.contains(&operation).then(|| limited("rate_limited", service::RATE_LIMITED))
}

fn of_json_bodies(operation: &str) -> Vec<(u16, Value)> {
    const TAKE_JSON: [&str; 7] = [
        "register",
        "login",
        "verify_email",
        "request_password_reset",
        "confirm_password_reset",
        "create_key",
        "open_checkout",
    ];
    if !TAKE_JSON.contains(&operation) {
        return Vec::new();
    }
    vec![
        bad(&NotAnObject.to_string()),
        bad("The request body is too large."),
        error(415, "Unsupported content type. Use application/json."),
    ]
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
        bad("The form has too many fields."),
        bad("Malformed multipart/form-data body."),
        bad(&NotAnObject.to_string()),
        bad("'Idempotency-Key' must be at most 255 visible ASCII characters"),
        bad(service::KEY_AND_TOKEN),
        unauthorized(service::INVALID_API_KEY),
        unauthorized(service::INVALID_SESSION),
        error(403, service::EMAIL_NOT_VERIFIED),
        error(408, "The upload took too long."),
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
        bad(&year),
        bad(&month),
        bad(&both),
        bad(service::KEY_AND_TOKEN),
        unauthorized(service::INVALID_API_KEY),
    ]
}

fn error(status: u16, message: &str) -> (u16, Value) {
    (status, json!({ "error": message, "status": status }))
}

fn bad(message: &str) -> (u16, Value) {
    error(400, message)
}

fn unauthorized(message: &str) -> (u16, Value) {
    error(401, message)
}

fn limited(code: &str, message: &str) -> (u16, Value) {
    (429, json!({ "error": message, "code": code, "status": 429 }))
}
