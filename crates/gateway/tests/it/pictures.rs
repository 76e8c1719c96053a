//! Finished pictures: bytes, headers, JSON, and what the worker is told.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proto::{FakeInference, RemoveJob};
use serde_json::json;

use crate::app::{CUT_OUT, Setup, TestApp, file, finish, header, json as call, photo, png};

#[tokio::test]
async fn the_answer_is_bytes_with_headers() {
    let app = TestApp::start();
    let response = app.rmbg(photo()).header("x-request-id", "mine-1").send().await.expect("answer");
    assert_eq!(response.status(), 200);
    let expected = [
        ("content-type", "image/webp"),
        ("content-length", "16"),
        ("x-credits-charged", "1"),
        ("x-width", "400"),
        ("x-height", "300"),
        ("x-request-id", "mine-1"),
        ("x-model", "fake-1"),
        ("x-processing-ms", "7"),
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "59"),
        ("x-ratelimit-reset", "1"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&response, name), value, "{name}");
    }
    assert_eq!(response.bytes().await.expect("body"), CUT_OUT);
    assert_eq!(app.journal.entries(), ["reserve", "commit"]);
}

#[tokio::test]
async fn the_format_decides_the_type() {
    let app = TestApp::start();
    for (format, kind) in [
        ("PNG", "image/png"),
        ("jpg", "image/jpeg"),
        ("webp", "image/webp"),
        ("", "image/webp"),
        ("bmp", "image/bmp"),
    ] {
        let response = app.rmbg(photo().text("format", format)).send().await.expect("answer");
        assert_eq!(header(&response, "content-type"), kind, "{format}");
    }
}

#[tokio::test]
async fn json_is_given_to_those_who_prefer_it() {
    let app = TestApp::start();
    let wanted = app.rmbg(photo()).header("accept", "application/json");
    let image = format!("data:image/webp;base64,{}", BASE64_STANDARD.encode(CUT_OUT));
    let expected = json!({ "image": image, "width": 400, "height": 300, "format": "webp" });
    assert_eq!(call(wanted).await, (200, expected));
    // What a common HTTP library sends with everything.
    let default = app.rmbg(photo()).header("accept", "application/json, text/plain, */*");
    let response = default.send().await.expect("answer");
    assert_eq!(header(&response, "content-type"), "image/webp");
}

#[tokio::test]
async fn json_is_taken_too() {
    let app = TestApp::start();
    let encoded = BASE64_STANDARD.encode(png(40, 30));
    for image in [encoded.clone(), format!("data:image/jpeg;base64,{encoded}")] {
        let body = json!({ "image": image, "w": 0, "format": "png", "angle": 0.0, "mask": false });
        let response = app.post("/rmbg").json(&body).send().await.expect("answer");
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "image/png");
        assert_eq!(header(&response, "x-width"), "40");
    }
}

#[tokio::test]
async fn names_and_declared_types_are_not_trusted() {
    let app = TestApp::start();
    for name in ["image.jpg", "blob", "photo", "ünïcode.png", "C:\\fake\\a.png"] {
        let response = app.rmbg(file(name, png(9, 9))).send().await.expect("answer");
        assert_eq!(response.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn the_worker_is_told_everything() {
    let jobs: Arc<Mutex<Vec<RemoveJob>>> = Arc::default();
    let seen = Arc::clone(&jobs);
    let app = Setup::new()
        .inference(FakeInference::answering(move |job| {
            seen.lock().expect("jobs").push(job.clone());
            finish(&job)
        }))
        .start();
    let form = photo()
        .text("w", "800")
        .text("h", "600")
        .text("exact_resize", "yes")
        .text("bg_color", "#10203040")
        .text("angle", "-45.5")
        .text("expand", "no")
        .text("return_base64", "true")
        .text("w", "1");
    let response = app.rmbg(form).header("x-request-id", "mine").send().await.expect("answer");
    assert_eq!(response.status(), 200);
    let jobs = jobs.lock().expect("jobs");
    let job = jobs.first().expect("a job");
    assert_eq!(job.image, png(400, 300));
    assert_eq!((job.width, job.height, job.request_id.as_str()), (400, 300, "mine"));
    assert!(job.deadline.is_some());
    let spec = &job.spec;
    assert_eq!((spec.width, spec.height, spec.exact), (800, 600, true));
    assert_eq!(spec.background, Some(0x1020_3040));
    assert!((spec.angle + 45.5).abs() < f64::EPSILON);
    assert!(!spec.expand && !spec.mask);
}
