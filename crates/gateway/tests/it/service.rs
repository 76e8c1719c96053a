//! Around the pictures: paths, methods, names, headers, health.

use proto::{ErrorCode, FakeInference, ServiceError, billing_v1::GetStatusResponse, inference_v1};
use serde_json::json;

use crate::app::{CUT_OUT, Setup, TestApp, expect_error, finish, header, json as call, photo};

#[tokio::test]
async fn wrong_paths_and_methods() {
    let app = TestApp::start();
    for path in ["/nowhere", "/rmbg/", "/api", "/api/docs/nowhere.js", "/assets/../x"] {
        expect_error(app.get(path), 404, "Not found").await;
    }
    for (method, path, allowed) in [
        ("GET", "/rmbg", "POST, OPTIONS"),
        ("DELETE", "/rmbg", "POST, OPTIONS"),
        ("PATCH", "/api/keys", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("GET", "/api/keys/1", "DELETE, OPTIONS"),
    ] {
        let response = app.request(method, path).send().await.expect("answer");
        assert_eq!(header(&response, "allow"), allowed, "{method} {path}");
        let expected = json!({ "error": "Method not allowed", "status": 405 });
        assert_eq!(crate::app::read(response).await, (405, expected));
    }
}

#[tokio::test]
async fn head_and_options() {
    let app = TestApp::start();
    let response = app.request("HEAD", "/healthz").send().await.expect("answer");
    assert_eq!((response.status().as_u16(), header(&response, "content-length")), (200, "15"));
    assert!(response.bytes().await.expect("body").is_empty());
    let response = app.request("OPTIONS", "/rmbg").send().await.expect("answer");
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (204, "POST, OPTIONS"));
}

#[tokio::test]
async fn browsers_of_configured_origins_may_call() {
    let preflight = |app: &TestApp, origin: &'static str| {
        app.request("OPTIONS", "/rmbg")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-api-key")
            .send()
    };
    let any = TestApp::start();
    let response = preflight(&any, "https://a.example").await.expect("answer");
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    let request = any.rmbg(photo()).header("origin", "https://a.example");
    let response = request.send().await.expect("answer");
    let exposed = header(&response, "access-control-expose-headers").to_ascii_lowercase();
    assert!(exposed.contains("x-credits-charged") && exposed.contains("x-request-id"));
    let request = any.post("/rmbg").header("origin", "https://a.example");
    let response = request.send().await.expect("answer");
    assert_eq!(header(&response, "access-control-allow-origin"), "*", "errors are readable too");

    for method in ["PUT", "PATCH"] {
        let response = any
            .request("OPTIONS", "/rmbg")
            .header("origin", "https://a.example")
            .header("access-control-request-method", method)
            .send();
        let response = response.await.expect("answer");
        assert_eq!(response.status(), 200, "the route itself answers 405");
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
    }

    let one = Setup::new().set("cors_origins", vec!["https://a.example"]).start();
    let response = preflight(&one, "https://a.example").await.expect("answer");
    assert_eq!(header(&response, "access-control-allow-origin"), "https://a.example");
    let response = preflight(&one, "https://b.example").await.expect("answer");
    assert_eq!(header(&response, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn requests_are_named() {
    let app = TestApp::start();
    for (sent, kept) in [("mine-1.a_b", true), ("with space", false), ("", false)] {
        let request = app.get("/nowhere").header("x-request-id", sent);
        let response = request.send().await.expect("answer");
        let name = header(&response, "x-request-id");
        assert_eq!(name == sent, kept, "{sent:?} became {name:?}");
        assert!(!name.is_empty());
    }
    let long = app.get("/healthz").header("x-request-id", "x".repeat(65)).send();
    assert_eq!(header(&long.await.expect("answer"), "x-request-id").len(), 36);
}

#[tokio::test]
async fn standing_headers() {
    let app = TestApp::start();
    for path in ["/", "/nowhere", "/api/docs", "/healthz"] {
        let response = app.get(path).send().await.expect("answer");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert!(header(&response, "content-security-policy").contains("default-src 'self'"));
    }
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let app = TestApp::start();
    let request = app.get("/healthz").header("x-filler", "x".repeat(40_000));
    expect_error(request, 431, "Request headers are too large").await;
}

#[tokio::test]
async fn health_does_not_depend_on_anybody() {
    let app = Setup::new().billing(|billing, _| billing.get_status = None).start();
    assert_eq!(call(app.get("/healthz")).await, (200, json!({ "status": "ok" })));
}

#[tokio::test]
async fn readiness_asks_both_services() {
    let status = |ready| inference_v1::GetStatusResponse { ready, ..Default::default() };
    let idle = || FakeInference::answering(|job| finish(&job));
    let down = |_| Err(ServiceError::new(ErrorCode::Unavailable, "down"));
    let app = Setup::new().start();
    let expected = json!({ "status": 200, "accepting": true, "inference": true, "billing": true });
    assert_eq!(call(app.get("/readyz")).await, (200, expected));
    let cases = [
        (Setup::new().inference(idle().with_status(status(false))), false, true),
        (Setup::new().billing(|billing, _| billing.get_status = Some(Box::new(down))), true, false),
        (
            Setup::new().billing(|billing, _| {
                billing.get_status = Some(Box::new(|_| Ok(GetStatusResponse { ready: false })));
            }),
            true,
            false,
        ),
    ];
    for (setup, inference, billing) in cases {
        let app = setup.start();
        let response = app.get("/readyz").send().await.expect("answer");
        assert_eq!(header(&response, "retry-after"), "1");
        let expected = json!({ "error": "Not ready", "status": 503, "accepting": true,
                               "inference": inference, "billing": billing });
        assert_eq!(crate::app::read(response).await, (503, expected));
    }
}

#[tokio::test]
async fn requests_are_measured_without_secrets() {
    let app = TestApp::start();
    assert_eq!(
        app.rmbg(photo()).send().await.expect("answer").bytes().await.expect("body"),
        CUT_OUT
    );
    let _ = app.get("/nowhere/secret").send().await;
    let text = app.get("/metrics").send().await.expect("answer").text().await.expect("body");
    assert!(text.contains("rembg_http_request_seconds"), "{text}");
    assert!(text.contains("route=\"/rmbg\"") && text.contains("route=\"unmatched\""));
    assert!(!text.contains("secret"));
}

#[tokio::test]
async fn the_pages_are_self_contained() {
    let app = TestApp::start();
    let pages = [
        ("/", "landing.js"),
        ("/verify?token=abc", "mail-link.js"),
        ("/reset?token=abc", "mail-link.js"),
    ];
    for (path, script) in pages {
        let page = app.get(path).send().await.expect("answer").text().await.expect("body");
        for foreign in ["src=\"http", "href=\"http", "src=\"//", "<script>"] {
            assert!(!page.contains(foreign), "{path}: {foreign}");
        }
        for (asset, kind) in [(script, "text/javascript"), ("landing.css", "text/css")] {
            assert!(page.contains(asset), "{path}: {asset}");
            let response = app.get(&format!("/assets/{asset}")).send().await.expect("answer");
            assert!(header(&response, "content-type").starts_with(kind));
        }
    }
}
