//! The errors of each endpoint, with an example for each message.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{
    Modify, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        example::{Example, ExampleBuilder},
        header::{Header, HeaderBuilder},
        path::Operation,
        schema::{ObjectBuilder, Type},
    },
};

use super::catalogue::errors_of;

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
    let response =
        ResponseBuilder::new().description(describe(status)).content("application/json", content);
    let told = headers_of(status).iter().map(|(name, what)| (*name, whole_number(what)));
    told.fold(response, |response, (name, header)| response.header(name, header)).build()
}

/// What a refusal tells beside its body.
fn headers_of(status: u16) -> &'static [(&'static str, &'static str)] {
    const BUSY: [(&str, &str); 1] = [("Retry-After", "Seconds until it is worth trying again.")];
    const LIMITED: [(&str, &str); 4] = [
        BUSY[0],
        ("X-RateLimit-Limit", "Requests a period of the plan, where a limit is known."),
        ("X-RateLimit-Remaining", "Requests left in the period."),
        ("X-RateLimit-Reset", "Seconds until the limit is whole again."),
    ];
    match status {
        429 => &LIMITED,
        503 => &BUSY,
        _ => &[],
    }
}

fn whole_number(what: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(what)).build()
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
