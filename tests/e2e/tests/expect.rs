//! What an answer must be, to the byte.

use e2e::Answer;
use serde_json::{Value, json};

/// An error answer with this status and message and nothing else in its body.
#[track_caller]
pub(crate) fn error(answer: &Answer, status: u16, message: &str) {
    body(answer, status, &json!({"error": message, "status": status}));
}

/// An error answer with several messages, by field.
#[track_caller]
pub(crate) fn errors(answer: &Answer, details: &[(&str, &str)]) {
    let details: Vec<Value> = details
        .iter()
        .map(|(field, message)| json!({"field": field, "message": message}))
        .collect();
    let expected =
        json!({"error": "Multiple validation errors", "details": details, "status": 400});
    body(answer, 400, &expected);
}

/// A 429 with its code and a wait of at least a second.
#[track_caller]
pub(crate) fn limit(answer: &Answer, code: &str, message: &str) {
    body(answer, 429, &json!({"error": message, "status": 429, "code": code}));
    assert!(answer.number("retry-after") >= 1, "{answer}");
}

#[track_caller]
fn body(answer: &Answer, status: u16, expected: &Value) {
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.header("content-type").starts_with("application/json"), "{answer}");
    assert_eq!(&answer.json(), expected, "{answer}");
}
