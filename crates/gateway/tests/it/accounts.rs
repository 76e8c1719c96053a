//! The account endpoints: which call each becomes, and how its answer is
//! written.

use proto::{ErrorCode, FakeBilling, ServiceError, billing_v1 as pb};
use serde_json::{Value, json};

use crate::app::{Journal, Setup, TestApp, expect_error, json as call};

/// Answers a call with a message, noting the request.
macro_rules! answer {
    ($billing:ident, $journal:ident, $method:ident, $response:expr) => {{
        let journal = $journal.clone();
        $billing.$method = Some(Box::new(move |request| {
            journal.note(format!("{} {:?}", stringify!($method), request));
            Ok($response)
        }));
    }};
}

fn key() -> pb::KeyInfo {
    pb::KeyInfo {
        id: "k1".into(),
        name: "laptop".into(),
        prefix: "rk_abc".into(),
        created_at_unix: 1_740_441_600,
        last_used_at_unix: None,
    }
}

fn account() -> pb::GetAccountResponse {
    pb::GetAccountResponse {
        id: "u1".into(),
        email: "a@example.org".into(),
        email_verified: true,
        created_at_unix: 0,
        membership: "Free".into(),
        credits: 50,
        remaining_included_credits: 48,
        prepaid_credits: 7,
        billing_cycle: None,
    }
}

fn script(billing: &mut FakeBilling, journal: &Journal) {
    let registered = || pb::RegisterResponse { id: "u1".into(), email: "a@example.org".into() };
    answer!(billing, journal, register, registered());
    answer!(billing, journal, verify_email, pb::VerifyEmailResponse {});
    let session = || pb::LoginResponse { token: "t0".into(), expires_at_unix: 1_740_441_600 };
    answer!(billing, journal, login, session());
    answer!(billing, journal, logout, pb::LogoutResponse {});
    answer!(billing, journal, request_password_reset, pb::RequestPasswordResetResponse {});
    answer!(billing, journal, confirm_password_reset, pb::ConfirmPasswordResetResponse {});
    answer!(billing, journal, get_account, account());
    answer!(billing, journal, list_keys, pb::ListKeysResponse { keys: vec![key()] });
    let created = || pb::CreateKeyResponse { info: Some(key()), key: "rk_abcdef".into() };
    answer!(billing, journal, create_key, created());
    answer!(billing, journal, revoke_key, pb::RevokeKeyResponse {});
    let page = || "https://stripe.test/page".to_owned();
    answer!(billing, journal, create_checkout, pb::CreateCheckoutResponse { url: page() });
    answer!(billing, journal, create_portal, pb::CreatePortalResponse { url: page() });
    answer!(billing, journal, apply_stripe_event, pb::ApplyStripeEventResponse {});
}

fn scripted() -> TestApp {
    Setup::new().billing(script).start()
}

#[tokio::test]
async fn accounts_and_sessions() {
    let app = scripted();
    let account = json!({ "email": "a@example.org", "password": "hunter22" });
    let registered = json!({ "id": "u1", "email": "a@example.org", "emailVerified": false });
    let answer = call(app.post("/api/auth/register").json(&account)).await;
    assert_eq!(answer, (201, registered));
    let session = json!({ "token": "t0", "expiresAt": "2025-02-25T00:00:00Z" });
    assert_eq!(call(app.post("/api/auth/login").json(&account)).await, (200, session));
    let token = json!({ "token": "abc", "password": "hunter23" });
    for (path, status) in [("/api/auth/verify", 200), ("/api/auth/password-reset/confirm", 200)] {
        assert_eq!(call(app.post(path).json(&token)).await.0, status, "{path}");
    }
    assert_eq!(call(app.post("/api/auth/password-reset").json(&account)).await.0, 202);
    let out = app.post("/api/auth/logout").bearer_auth("t0").send().await.expect("answer");
    assert_eq!(out.status(), 204);
    assert!(out.bytes().await.expect("body").is_empty());
    let called = app.journal.entries().join("\n");
    for method in ["register", "login", "verify_email", "confirm_password_reset", "logout"] {
        assert!(called.contains(method), "{called}");
    }
}

#[tokio::test]
async fn the_profile_and_its_keys() {
    let app = scripted();
    let (status, me) = call(app.get("/api/me").bearer_auth("t0")).await;
    assert_eq!((status, &me["email"], &me["plan"]), (200, &json!("a@example.org"), &json!("Free")));
    assert_eq!((&me["createdAt"], &me["credits"]), (&json!("1970-01-01T00:00:00Z"), &json!(50)));
    let shown = json!({ "id": "k1", "name": "laptop", "prefix": "rk_abc",
                        "createdAt": "2025-02-25T00:00:00Z", "lastUsedAt": null });
    let listed = call(app.get("/api/keys").bearer_auth("t0")).await;
    assert_eq!(listed, (200, json!([shown.clone()])));
    let wish = app.post("/api/keys").bearer_auth("t0").json(&json!({ "name": "laptop" }));
    let mut created = shown;
    created["key"] = json!("rk_abcdef");
    assert_eq!(call(wish).await, (201, created));
    let gone = app.request("DELETE", "/api/keys/k1").bearer_auth("t0").send().await;
    assert_eq!(gone.expect("answer").status(), 204);
    assert!(app.journal.entries().iter().any(|entry| entry.contains("id: \"k1\"")));
}

#[tokio::test]
async fn payments() {
    let app = scripted();
    let page = json!({ "url": "https://stripe.test/page" });
    let checkout = |body: Value| app.post("/api/billing/checkout").bearer_auth("t0").json(&body);
    for body in [json!({ "plan": "Starter" }), json!({ "pack": "p1", "plan": null })] {
        assert_eq!(call(checkout(body)).await, (200, page.clone()));
    }
    for body in [json!({}), json!({ "plan": "a", "pack": "b" }), json!({ "plan": "" })] {
        expect_error(checkout(body), 400, "Provide either 'plan' or 'pack'.").await;
    }
    let portal = app.post("/api/billing/portal").bearer_auth("t0");
    assert_eq!(call(portal).await, (200, page));
}

#[tokio::test]
async fn stripe_events_are_passed_on_as_they_came() {
    let app = Setup::new()
        .billing(|billing, journal| {
            let journal = journal.clone();
            billing.apply_stripe_event = Some(Box::new(move |event| {
                let payload = String::from_utf8_lossy(&event.payload).into_owned();
                journal.note(format!("{} {payload}", event.signature));
                Ok(pb::ApplyStripeEventResponse {})
            }));
        })
        .start();
    let event = "{ \"id\" : \"evt_1\" }\n";
    let request = app.post("/api/stripe/webhook").body(event);
    assert_eq!(call(request.header("stripe-signature", "t=1,v1=ab")).await.0, 200);
    assert_eq!(app.journal.entries(), [format!("t=1,v1=ab {event}")]);
    let unsigned = app.post("/api/stripe/webhook").body(event);
    expect_error(unsigned, 400, "The 'Stripe-Signature' header is missing.").await;
}

#[tokio::test]
async fn only_signed_in_users_have_a_profile() {
    let app = scripted();
    for (method, path) in [
        ("GET", "/api/me"),
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("DELETE", "/api/keys/k1"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/billing/checkout"),
        ("POST", "/api/billing/portal"),
    ] {
        let message = "invalid or expired token";
        expect_error(app.request(method, path), 401, message).await;
        expect_error(app.request(method, path).header("x-api-key", "k"), 401, message).await;
    }
    assert!(app.journal.entries().is_empty());
}

#[tokio::test]
async fn faulty_bodies() {
    let app = scripted();
    let post = |body: &'static str| {
        app.post("/api/auth/login").header("content-type", "application/json").body(body)
    };
    let cases = [
        ("", "Request body must be a JSON object."),
        ("[]", "Request body must be a JSON object."),
        ("{", "Request body must be a JSON object."),
        ("{}", "'email' is required"),
        (r#"{"email": ""}"#, "'email' is required"),
        (r#"{"email": null}"#, "'email' is required"),
        (r#"{"email": 7}"#, "'email' must be a string"),
        (r#"{"email": "a@b.c"}"#, "'password' is required"),
    ];
    for (body, message) in cases {
        expect_error(post(body), 400, message).await;
    }
    let large = app.post("/api/auth/login").json(&json!({ "email": "x".repeat(20_000) }));
    expect_error(large, 400, "The request body is too large.").await;
    let form = app.post("/api/auth/login").header("content-type", "text/plain").body("{}");
    expect_error(form, 415, "Unsupported content type. Use application/json.").await;
}

#[tokio::test]
async fn refusals_of_billing() {
    let cases = [
        (ErrorCode::InvalidCredentials, 401, "invalid email or password"),
        (ErrorCode::InvalidArgument, 400, "'email' is no address"),
    ];
    for (code, status, message) in cases {
        let app = Setup::new()
            .billing(|billing, _| {
                billing.login = Some(Box::new(move |_| Err(ServiceError::new(code, message))));
            })
            .start();
        let request = app.post("/api/auth/login").json(&json!({ "email": "a", "password": "b" }));
        expect_error(request, status, message).await;
    }
}
