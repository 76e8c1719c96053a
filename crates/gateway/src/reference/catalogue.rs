//! Which errors each endpoint can answer with.
//!
//! The contract's texts come from the same place as the answers themselves, so
//! the reference cannot promise what the service does not say.

use serde_json::{Value, json};
use validation::{Field, Message, NotAnObject, UsageMessage, service};

use crate::error::{BODY_ENDED_EARLY, BODY_TOO_LARGE, UPLOAD_TOO_SLOW};

const PASSWORD_LENGTH: &str = "'password' must be 8 to 200 characters";
const DEAD_LINK: &str = "this link is invalid or has expired";
const NOTHING_SOLD: &str = "nothing is sold here";

/// Status and body of every error of an operation: its own, then those that any
/// can have. None for those that cannot fail.
pub(super) fn errors_of(operation: &str) -> Vec<(u16, Value)> {
    let groups = match operation {
        "remove_background" => vec![removal_errors()],
        "membership_usage" => vec![usage_errors()],
        "register" => {
            let own = vec![bad("'email' must be an e-mail address"), bad(PASSWORD_LENGTH)];
            vec![members(&["email", "password"]), own, tries()]
        }
        "login" => {
            let own = vec![unauthorized(service::INVALID_CREDENTIALS)];
            vec![members(&["email", "password"]), own, tries()]
        }
        "verify_email" => vec![members(&["token"]), vec![bad(DEAD_LINK)], tries()],
        "request_password_reset" => vec![members(&["email"]), tries()],
        "confirm_password_reset" => {
            let own = vec![bad(PASSWORD_LENGTH), bad(DEAD_LINK)];
            vec![members(&["token", "password"]), own, tries()]
        }
        "logout" | "get_account" | "list_keys" => vec![signed_in()],
        "create_key" => {
            let long = bad("'name' must be 1 to 100 characters");
            let many = error(409, "too many keys: revoke one first");
            vec![signed_in(), members(&["name"]), vec![long, many]]
        }
        "revoke_key" => vec![signed_in(), vec![error(404, "no such key")]],
        "open_checkout" => vec![signed_in(), json_body(&["plan", "pack"]), checkout_errors()],
        "open_portal" => {
            let nothing = error(409, "you have not bought anything yet");
            vec![signed_in(), vec![error(404, NOTHING_SOLD), nothing]]
        }
        "stripe_webhook" => vec![webhook_errors()],
        _ => return Vec::new(),
    };
    groups.into_iter().flatten().chain(common_errors()).collect()
}

fn common_errors() -> [(u16, Value); 3] {
    let mut internal = json!({ "error": service::INTERNAL, "status": 500 });
    internal["request_id"] = json!("0198c2a7-3f0e-7d52-9d55-2f6f3a1b7c11");
    [(500, internal), error(503, service::BUSY), error(504, service::DEADLINE)]
}

/// Who is signed in proves it with a token.
fn signed_in() -> Vec<(u16, Value)> {
    vec![bad(service::KEY_AND_TOKEN), unauthorized(service::INVALID_SESSION)]
}

/// Who is not may not try for ever.
fn tries() -> Vec<(u16, Value)> {
    vec![limited("rate_limited", service::RATE_LIMITED)]
}

/// A JSON body with members that must be there.
fn members(names: &[&str]) -> Vec<(u16, Value)> {
    let required = names.iter().map(|name| bad(&format!("'{name}' is required")));
    required.chain(json_body(names)).collect()
}

/// A JSON body whose members may be absent.
fn json_body(names: &[&str]) -> Vec<(u16, Value)> {
    let texts = names.iter().map(|name| bad(&format!("'{name}' must be a string")));
    let whole = [
        bad(&NotAnObject.to_string()),
        bad(BODY_TOO_LARGE),
        bad(BODY_ENDED_EARLY),
        error(408, UPLOAD_TOO_SLOW),
        error(415, "Unsupported content type. Use application/json."),
    ];
    texts.chain(whole).collect()
}

fn checkout_errors() -> Vec<(u16, Value)> {
    vec![
        bad("Provide either 'plan' or 'pack'."),
        bad("'plan' must be the name of a plan that is sold"),
        bad("'pack' must be the name of a pack that is sold"),
        error(404, NOTHING_SOLD),
        error(409, "you have a subscription already: change it in the customer portal"),
    ]
}

fn webhook_errors() -> Vec<(u16, Value)> {
    vec![
        bad("The 'Stripe-Signature' header is missing."),
        bad("invalid signature"),
        bad("not a Stripe event: id is missing"),
        bad(BODY_TOO_LARGE),
        bad(BODY_ENDED_EARLY),
        error(408, UPLOAD_TOO_SLOW),
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
        bad(
            "Image has 104.0 megapixels, more than the 60.0 this server can return in this format.",
        ),
        bad("The form has too many fields."),
        bad("Malformed multipart/form-data body."),
        bad(BODY_ENDED_EARLY),
        bad(BODY_TOO_LARGE),
        bad(&NotAnObject.to_string()),
        bad("'Idempotency-Key' must be at most 255 visible ASCII characters"),
        bad(service::KEY_AND_TOKEN),
        unauthorized(service::INVALID_API_KEY),
        unauthorized(service::INVALID_SESSION),
        error(403, service::EMAIL_NOT_VERIFIED),
        error(408, UPLOAD_TOO_SLOW),
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
    const LAST_SECOND: i64 = 253_402_300_799;
    let range = |name, min, max, raw: &str| {
        UsageMessage::OutOfRange { name, min, max, raw: raw.into() }.to_string()
    };
    let flag = |name| UsageMessage::NotABoolean { name, raw: "maybe".into() }.to_string();
    let messages = [
        range("year", 1, 9999, "0"),
        range("month", 1, 12, "13"),
        range("periodStartUnix", 0, LAST_SECOND, "-1"),
        flag("includeBillingCycle"),
        flag("listBillingCycles"),
        UsageMessage::PeriodWithMonth.to_string(),
        "The query string cannot be read.".to_owned(),
        service::KEY_AND_TOKEN.to_owned(),
    ];
    let faults = messages.iter().map(|message| bad(message));
    faults.chain([unauthorized(service::INVALID_API_KEY)]).collect()
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
