//! Around the contract: health, metrics, the reference, wrong paths, and what
//! clients see when a part is down.

use std::time::Duration;

use e2e::{Deployment, Form, TestServer, eventually, photo};
use ureq::http::Method;

use crate::expect;

const BUSY: &str = "The service is busy. Please retry shortly.";
const RECOVERY: Duration = Duration::from_secs(20);

#[test]
fn health_metrics_and_reference() {
    let server = TestServer::one_process();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).send().status, 200, "{path}");
    }
    let _ = server.rmbg(Form::image(&photo())).send().ok();
    let metrics = server.get("/metrics").send().ok();
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("rembg_inference_call_seconds"), "{text}");
    reference(&server);
}

fn reference(server: &TestServer) {
    let document = server.get("/api/openapi").send().ok().json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for path in [
        "/rmbg",
        "/api/auth/register",
        "/api/auth/verify",
        "/api/auth/login",
        "/api/auth/logout",
        "/api/auth/password-reset",
        "/api/auth/password-reset/confirm",
        "/api/me",
        "/api/keys",
        "/api/keys/{id}",
        "/api/billing/checkout",
        "/api/billing/portal",
        "/api/stripe/webhook",
        "/api/membership-usage",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    let responses = &document["paths"]["/rmbg"]["post"]["responses"];
    for status in ["200", "400", "401", "403", "415", "429", "500", "503", "504"] {
        assert!(responses.get(status).is_some(), "{status}");
    }
    let page = server.get("/api/docs/").send().ok();
    let html = String::from_utf8_lossy(&page.body).into_owned();
    for attribute in ["src=\"http", "href=\"http", "src='http", "src=\"//"] {
        assert!(!html.contains(attribute), "the reference loads from elsewhere: {attribute}");
    }
}

#[test]
fn wrong_paths_and_methods() {
    let server = TestServer::one_process();
    for (method, path, status) in [
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/api/nowhere", 404),
        (Method::GET, "/rmbg", 405),
        (Method::PUT, "/rmbg", 405),
        (Method::DELETE, "/api/membership-usage", 405),
    ] {
        let answer = server.call(method.clone(), path).send();
        assert_eq!(answer.status, status, "{method} {path}: {answer}");
        assert_eq!(answer.json()["status"], status, "{method} {path}: {answer}");
    }
}

#[test]
fn requests_are_named_and_browsers_may_call() {
    let server = TestServer::one_process();
    let answer =
        server.rmbg(Form::image(&photo())).header("x-request-id", "from-the-client").send().ok();
    assert!(!answer.header("x-request-id").is_empty());
    let preflight = server
        .call(Method::OPTIONS, "/rmbg")
        .header("origin", "https://example.com")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-api-key")
        .send();
    assert!(matches!(preflight.status, 200 | 204), "{preflight}");
    assert!(!preflight.header("access-control-allow-origin").is_empty(), "{preflight}");
}

/// Without a worker the gateway lives, is not ready, and tells clients to wait.
#[test]
fn a_lost_worker_is_a_503_until_it_is_back() {
    lost(0);
}

#[test]
fn a_lost_billing_service_is_a_503_until_it_is_back() {
    lost(1);
}

fn lost(position: usize) {
    let mut server = Deployment::ThreeProcesses.server().start();
    assert_eq!(server.rmbg(Form::image(&photo())).send().status, 200);
    server.processes()[position].kill();
    let refused = eventually(RECOVERY, || {
        let answer = server.rmbg(Form::image(&photo())).send();
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("nobody is there to answer");
    expect::error(&refused, 503, BUSY);
    assert!(refused.number("retry-after") >= 1);
    assert_eq!(server.get("/healthz").send().status, 200);
    let unready =
        eventually(RECOVERY, || (server.get("/readyz").send().status == 503).then_some(()));
    assert!(unready.is_some());
    server.revive(position);
    let back = eventually(RECOVERY, || {
        (server.rmbg(Form::image(&photo())).send().status == 200).then_some(())
    });
    assert!(back.is_some(), "the gateway finds it again");
}
