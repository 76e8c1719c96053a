//! Who calls, what it costs, and which refusal wins.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use proto::{
    ErrorCode, ServiceError,
    billing_v1::{self as pb, caller::Credential},
};
use reqwest::multipart::Form;
use serde_json::json;

use crate::app::{Setup, TestApp, expect_error, header, json as call, photo, read};

const BOTH: &str = "This is a mistake: Cannot use both API key and user token";
const BUSY: &str = "The service is busy. Please retry shortly.";

/// A gateway that keeps what it asks billing to reserve.
fn listening(setup: Setup) -> (TestApp, Arc<Mutex<Vec<pb::ReserveRequest>>>) {
    let asked: Arc<Mutex<Vec<pb::ReserveRequest>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let setup = setup.billing(|billing, _| {
        billing.reserve = Some(Box::new(move |request| {
            seen.lock().expect("requests").push(request.clone());
            let operation_id = request.operation_id;
            Ok(pb::ReserveResponse { operation_id, credits: 1, rate: None })
        }));
    });
    (setup.start(), asked)
}

#[tokio::test]
async fn billing_learns_who_calls() {
    let (app, asked) = listening(Setup::new());
    let anonymous = app.post("/rmbg").multipart(photo());
    let user = app.post("/rmbg").header("authorization", "Bearer token").multipart(photo());
    for request in [anonymous, user, app.rmbg(photo())] {
        assert_eq!(request.send().await.expect("answer").status(), 200);
    }
    let asked = asked.lock().expect("requests");
    let callers: Vec<_> = asked.iter().map(|request| request.caller.clone()).collect();
    let caller = |credential| {
        Some(pb::Caller { credential: Some(credential), address: "127.0.0.1".to_owned() })
    };
    let expected = [
        caller(Credential::Anonymous(pb::Anonymous {})),
        caller(Credential::SessionToken("token".to_owned())),
        caller(Credential::ApiKey("key".to_owned())),
    ];
    assert_eq!(callers, expected);
    assert!(asked.iter().all(|request| request.credits == 1 && !request.operation_id.is_empty()));
}

#[tokio::test]
async fn only_trusted_proxies_name_the_client() {
    for (trusted, expected) in [(vec![], "127.0.0.1"), (vec!["127.0.0.0/8"], "203.0.113.9")] {
        let (app, asked) = listening(Setup::new().set("trusted_proxies", trusted));
        let request = app.rmbg(photo()).header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
        assert_eq!(request.send().await.expect("answer").status(), 200);
        let asked = asked.lock().expect("requests");
        assert_eq!(asked[0].caller.as_ref().expect("a caller").address, expected);
    }
}

#[tokio::test]
async fn the_same_request_has_the_same_fingerprint() {
    let (app, asked) = listening(Setup::new());
    let send = |form: Form| app.rmbg(form).header("idempotency-key", "once").send();
    for form in [photo().text("format", "jpg"), photo().text("format", "JPEG"), photo()] {
        assert_eq!(send(form).await.expect("answer").status(), 200);
    }
    let asked = asked.lock().expect("requests");
    assert!(asked.iter().all(|request| request.idempotency_key == "once"));
    assert_eq!(asked[0].request_fingerprint.len(), 32);
    assert_eq!(asked[0].request_fingerprint, asked[1].request_fingerprint);
    assert_ne!(asked[0].request_fingerprint, asked[2].request_fingerprint);
    assert_ne!(asked[0].operation_id, asked[1].operation_id);
}

#[tokio::test]
async fn an_unusable_idempotency_key_is_refused() {
    let app = TestApp::start();
    let message = "'Idempotency-Key' must be at most 255 visible ASCII characters";
    let request = app.rmbg(photo()).header("idempotency-key", "x".repeat(256));
    expect_error(request, 400, message).await;
}

#[tokio::test]
async fn two_identities_are_refused_before_anything_else() {
    let app = TestApp::start();
    let both = |form| app.rmbg(form).header("authorization", "Bearer token");
    expect_error(both(photo()), 400, BOTH).await;
    expect_error(both(Form::new().text("w", "abc")), 400, BOTH).await;
    let usage = app.get("/api/membership-usage").header("x-api-key", "key").bearer_auth("token");
    expect_error(usage, 400, BOTH).await;
    assert!(app.journal.entries().is_empty());
}

#[tokio::test]
async fn an_empty_key_is_no_anonymous_trial() {
    let app = TestApp::start();
    let request = app.post("/rmbg").header("x-api-key", "").multipart(photo());
    expect_error(request, 401, "invalid api key").await;
}

#[tokio::test]
async fn those_who_may_not_call_are_told_so_first() {
    for (code, status, message) in [
        (ErrorCode::InvalidApiKey, 401, "invalid api key"),
        (ErrorCode::InvalidSession, 401, "invalid or expired token"),
        (ErrorCode::EmailNotVerified, 403, "Email address not verified – please check your inbox"),
    ] {
        let app = Setup::new().refusing(ServiceError::new(code, "why")).start();
        expect_error(app.rmbg(photo().text("w", "abc")), status, message).await;
        let token = app.post("/rmbg").bearer_auth("token");
        expect_error(token.body("no form"), status, message).await;
    }
}

#[tokio::test]
async fn faults_of_the_request_win_over_all_other_refusals() {
    let fault = "'w' must be an integer, got: 'abc'";
    let faulty = || photo().text("w", "abc");
    for code in [ErrorCode::OutOfCredits, ErrorCode::RateLimited, ErrorCode::Unavailable] {
        let app = Setup::new().refusing(ServiceError::new(code, "why")).start();
        expect_error(app.rmbg(faulty()), 400, fault).await;
    }
    let app = TestApp::start();
    expect_error(app.post("/rmbg").multipart(faulty()), 400, fault).await;
    assert!(app.journal.entries().is_empty(), "nobody is asked about nobody");
    expect_error(app.rmbg(faulty()), 400, fault).await;
    assert_eq!(app.journal.entries(), ["identify"], "a fault holds no credit");
}

#[tokio::test]
async fn every_refusal_of_billing() {
    let cases = [
        (ErrorCode::InvalidApiKey, 401, "invalid api key"),
        (ErrorCode::InvalidSession, 401, "invalid or expired token"),
        (ErrorCode::EmailNotVerified, 403, "Email address not verified – please check your inbox"),
        (ErrorCode::Conflict, 409, "why"),
        (ErrorCode::Unavailable, 503, BUSY),
    ];
    for (code, status, message) in cases {
        let app = Setup::new().refusing(ServiceError::new(code, "why")).start();
        expect_error(app.rmbg(photo()), status, message).await;
    }
}

#[tokio::test]
async fn limits_tell_when_to_come_back() {
    let cases = [
        (
            ErrorCode::RateLimited,
            "rate_limited",
            "You're making requests too quickly, Please Upgrade or slow down.",
        ),
        (
            ErrorCode::DailyLimit,
            "daily_limit",
            "You've reached your daily limit. Please sign up for more access.",
        ),
        (
            ErrorCode::OutOfCredits,
            "out_of_credits",
            "You've reached your monthly limit. Consider purchasing more credits.",
        ),
    ];
    for (code, name, message) in cases {
        let error = ServiceError::new(code, "why")
            .retry_after(Duration::from_millis(1200))
            .rate(pb::RateStatus { limit: 60, remaining: 0, reset_seconds: 2 });
        let app = Setup::new().refusing(error).start();
        let response = app.rmbg(photo()).send().await.expect("answer");
        assert_eq!(header(&response, "retry-after"), "2");
        assert_eq!(header(&response, "x-ratelimit-remaining"), "0");
        let expected = json!({ "error": message, "code": name, "status": 429 });
        assert_eq!(read(response).await, (429, expected));
        assert_eq!(app.journal.entries(), ["reserve"]);
    }
}

#[tokio::test]
async fn failed_work_costs_nothing() {
    let cases = [
        (
            ErrorCode::InvalidImage,
            400,
            "File does not appear to be a valid image (invalid file signature)",
        ),
        (ErrorCode::InvalidArgument, 400, "why"),
        (ErrorCode::Busy, 503, BUSY),
        (ErrorCode::Unavailable, 503, BUSY),
        (ErrorCode::Cancelled, 503, BUSY),
        (ErrorCode::DeadlineExceeded, 504, "The request took too long. Please try again."),
    ];
    for (code, status, message) in cases {
        let app = Setup::new().failing(ServiceError::new(code, "why")).start();
        let response = app.rmbg(photo()).send().await.expect("answer");
        assert_eq!(header(&response, "retry-after").is_empty(), status != 503, "{status}");
        let expected = json!({ "error": message, "status": status });
        assert_eq!(read(response).await, (status, expected));
        app.journal.await_entry("release").await;
        assert_eq!(app.journal.entries(), ["reserve", "release"]);
    }
}

#[tokio::test]
async fn a_fault_inside_tells_its_name_alone() {
    let app = Setup::new().failing(ServiceError::internal("secret cause")).start();
    let answer = call(app.rmbg(photo()).header("x-request-id", "mine")).await;
    let expected = json!({ "error": "Internal server error", "status": 500, "request_id": "mine" });
    assert_eq!(answer, (500, expected));
    app.journal.await_entry("release").await;
}

#[tokio::test]
async fn an_uncertain_reservation_is_given_back() {
    let error = ServiceError::new(ErrorCode::DeadlineExceeded, "lost");
    let setup = Setup::new().refusing(error).billing(|billing, journal| {
        let journal = journal.clone();
        billing.release = Some(Box::new(move |_| {
            let first = !journal.entries().contains(&"release".to_owned());
            journal.note(if first { "release" } else { "release late" });
            Ok(pb::ReleaseResponse {})
        }));
    });
    let app = setup.start();
    let status = app.rmbg(photo()).send().await.expect("answer").status();
    assert_eq!(status, 504);
    app.journal.await_entry("release late").await;
    assert_eq!(app.journal.entries(), ["reserve", "release", "release late"]);
}

#[tokio::test]
async fn a_finished_picture_is_delivered_whatever_billing_says() {
    for (code, charged, again) in
        [(ErrorCode::Unavailable, "1", true), (ErrorCode::NotFound, "0", false)]
    {
        let app = Setup::new()
            .billing(|billing, journal| {
                let journal = journal.clone();
                billing.commit = Some(Box::new(move |_| {
                    let first = !journal.entries().contains(&"commit".to_owned());
                    journal.note(if first { "commit" } else { "commit again" });
                    Err(ServiceError::new(code, "why"))
                }));
            })
            .start();
        let response = app.rmbg(photo()).send().await.expect("answer");
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-credits-charged"), charged);
        if again {
            app.journal.await_entry("commit again").await;
        }
        assert!(!app.journal.entries().contains(&"release".to_owned()));
    }
}

#[tokio::test]
async fn a_charge_outlasts_an_outage_of_billing() {
    let app = Setup::new()
        .billing(|billing, journal| {
            let (journal, begun) = (journal.clone(), Instant::now());
            billing.commit = Some(Box::new(move |_| {
                if begun.elapsed() < Duration::from_secs(2) {
                    return Err(ServiceError::new(ErrorCode::Unavailable, "away"));
                }
                journal.note("charged");
                Ok(pb::CommitResponse { credits_charged: 1 })
            }));
        })
        .start();
    assert_eq!(app.rmbg(photo()).send().await.expect("answer").status(), 200);
    app.journal.await_entry("charged").await;
}
