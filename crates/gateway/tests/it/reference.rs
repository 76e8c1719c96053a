//! The reference: complete, and served from here alone.

use serde_json::Value;

use crate::app::{TestApp, header, json as call};

/// Every endpoint of the contract's sections 1 to 5.
const OPERATIONS: [(&str, &str); 21] = [
    ("/rmbg", "post"),
    ("/api/auth/register", "post"),
    ("/api/auth/verify", "post"),
    ("/api/auth/login", "post"),
    ("/api/auth/logout", "post"),
    ("/api/auth/password-reset", "post"),
    ("/api/auth/password-reset/confirm", "post"),
    ("/api/me", "get"),
    ("/api/keys", "get"),
    ("/api/keys", "post"),
    ("/api/keys/{id}", "delete"),
    ("/api/billing/checkout", "post"),
    ("/api/billing/portal", "post"),
    ("/api/stripe/webhook", "post"),
    ("/api/membership-usage", "get"),
    ("/api/openapi", "get"),
    ("/api/docs", "get"),
    ("/", "get"),
    ("/healthz", "get"),
    ("/readyz", "get"),
    ("/metrics", "get"),
];

async fn document() -> Value {
    let app = TestApp::start();
    let (status, document) = call(app.get("/api/openapi")).await;
    assert_eq!(status, 200);
    document
}

#[tokio::test]
async fn every_endpoint_is_described() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = 0;
    for (path, method) in OPERATIONS {
        let operation = &document["paths"][path][method];
        assert!(operation["summary"].is_string(), "{method} {path}");
        described += 1;
    }
    let operations: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().expect("methods").len())
        .sum();
    assert_eq!(operations, described, "an endpoint is missing from this test");
}

#[tokio::test]
async fn every_error_is_described_with_examples() {
    let document = document().await;
    let responses = &document["paths"]["/rmbg"]["post"]["responses"];
    for status in ["400", "401", "403", "408", "415", "429", "500", "503", "504"] {
        let content = &responses[status]["content"]["application/json"];
        assert_eq!(content["schema"]["$ref"], "#/components/schemas/Error", "{status}");
        assert!(content["examples"].as_object().is_some_and(|all| !all.is_empty()), "{status}");
    }
    let text = document.to_string();
    for message in [
        "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
        "'angle' must be between -360 and 360 degrees, got: 500.0",
        "You're making requests too quickly, Please Upgrade or slow down.",
        "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
        "this link is invalid or has expired",
        "no such key",
        "'periodStartUnix' must be an integer between 0 and 253402300799, got: '-1'",
        "'plan' must be the name of a plan that is sold",
        "'token' must be a string",
        "invalid signature",
    ] {
        assert!(text.contains(message), "{message}");
    }
    for (status, header) in
        [("429", "Retry-After"), ("429", "X-RateLimit-Reset"), ("503", "Retry-After")]
    {
        let schema = &responses[status]["headers"][header]["schema"];
        assert_eq!(schema["type"], "integer", "{status} {header}");
    }
    let unready = &document["paths"]["/readyz"]["get"]["responses"]["503"]["content"];
    assert_eq!(unready["application/json"]["example"]["error"], "Not ready");
    let login = &document["paths"]["/api/auth/login"]["post"]["responses"];
    assert!(login["429"].to_string().contains("rate_limited"), "{login}");
    assert_eq!(document["info"]["license"], Value::Null);
}

#[tokio::test]
async fn every_reference_within_the_document_leads_somewhere() {
    let document = document().await;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_form_is_described_field_by_field() {
    let document = document().await;
    let content = &document["paths"]["/rmbg"]["post"]["requestBody"]["content"];
    for kind in ["multipart/form-data", "application/json"] {
        let schema = content[kind]["schema"]["$ref"].as_str().expect("a schema");
        let schema = document.pointer(schema.trim_start_matches('#')).expect("there").to_string();
        let options = document["components"]["schemas"]["OptionFields"].to_string();
        for field in
            ["image", "format", "w", "h", "exact_resize", "mask", "bg_color", "angle", "expand"]
        {
            let named = format!("\"{field}\":");
            assert!(schema.contains(&named) || options.contains(&named), "{kind}: {field}");
        }
    }
}

#[tokio::test]
async fn the_page_is_served_from_here() {
    let app = TestApp::start();
    for path in ["/api/docs", "/api/docs/", "/api/docs/index.html"] {
        let response = app.get(path).send().await.expect("answer");
        assert!(header(&response, "content-type").starts_with("text/html"), "{path}");
        let page = response.text().await.expect("body");
        assert!(page.contains("<base href=\"/api/docs/\">"), "{page}");
        for foreign in ["src=\"http", "href=\"http", "src=\"//"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        let response = app.get(&format!("/api/docs/{file}")).send().await.expect("answer");
        assert_eq!(response.status(), 200, "{file}");
    }
    let script = app.get("/api/docs/swagger-initializer.js").send().await.expect("answer");
    let script = script.text().await.expect("body");
    assert!(script.contains("/api/openapi") && !script.contains("https://"), "{script}");
}
