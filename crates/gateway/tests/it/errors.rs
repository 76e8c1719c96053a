//! The contract's table of errors over HTTP, as far as the edge decides it.

use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::app::{self, TestApp, expect_error, file, photo, png};

const NO_IMAGE: &str = "No image file provided. Please include an 'image' field in your form data.";
const INVALID: &str = "File does not appear to be a valid image (invalid file signature)";

#[tokio::test]
async fn every_field_at_fault() {
    let app = TestApp::start();
    let cases = [
        ("w", "abc", "'w' must be an integer, got: 'abc'"),
        ("w", "-5", "'w' must be at least 1, got: -5"),
        ("w", "15000", "'w' must be at most 10000, got: 15000"),
        ("h", "5.0", "'h' must be an integer, got: '5.0'"),
        ("angle", "ninety", "'angle' must be a number, got: 'ninety'"),
        ("angle", "500", "'angle' must be between -360 and 360 degrees, got: 500.0"),
        ("format", "gif", "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
        (
            "bg_color",
            "#12345",
            "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
        ),
        ("mask", "maybe", "'mask' must be true or false, got: 'maybe'"),
    ];
    for (field, value, message) in cases {
        expect_error(app.rmbg(photo().text(field, value)), 400, message).await;
    }
    let both = photo().text("mask", "true").text("bg_color", "red");
    let message = "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.";
    expect_error(app.rmbg(both), 400, message).await;
    assert!(!app.journal.entries().contains(&"commit".to_owned()), "a faulty request is free");
}

#[tokio::test]
async fn every_file_at_fault() {
    let app = TestApp::start();
    let unnamed = |bytes: &[u8]| Form::new().part("image", Part::bytes(bytes.to_vec()));
    let cases = [
        (Form::new().text("w", "10"), NO_IMAGE),
        (file("", Vec::new()), "No file selected. Please choose an image file to upload."),
        (unnamed(b""), "No file selected. Please choose an image file to upload."),
        (file("a.png", Vec::new()), "Uploaded file is empty (0 bytes)."),
        (
            file("a.exe", png(9, 9)),
            "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
        ),
        (file("a.png", b"hello".to_vec()), INVALID),
        (file("a.png", b"\x89PNG\r\n\x1a\n".to_vec()), INVALID),
        (unnamed(b"hello"), INVALID),
        (
            file("a.png", png(12_000, 9)),
            "Image width (12000px) exceeds the maximum allowed width of 10000px.",
        ),
        (
            file("a.png", png(9, 15_000)),
            "Image height (15000px) exceeds the maximum allowed height of 10000px.",
        ),
        (
            file("a.png", png(10_000, 600)).text("angle", "4"),
            "Image width (10018px) exceeds the maximum allowed width of 10000px.",
        ),
        (
            file("a.png", png(10_000, 1000)).text("angle", "5").text("h", "5000"),
            "Image width (10050px) exceeds the maximum allowed width of 10000px.",
        ),
        (
            file("a.png", png(100, 10)).text("h", "5000"),
            "Image width (50000px) exceeds the maximum allowed width of 10000px.",
        ),
    ];
    for (form, message) in cases {
        expect_error(app.rmbg(form), 400, message).await;
    }
}

#[tokio::test]
async fn a_resize_brings_a_rotation_back() {
    let app = TestApp::start();
    let form = file("a.png", png(10_000, 600)).text("angle", "4").text("w", "500");
    assert_eq!(app.rmbg(form).send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn several_faults_come_together() {
    let app = TestApp::start();
    let form = Form::new().text("angle", "500").text("w", "abc");
    let expected = json!({
        "error": "Multiple validation errors",
        "details": [
            { "field": "image", "message": NO_IMAGE },
            { "field": "w", "message": "'w' must be an integer, got: 'abc'" },
            { "field": "angle",
              "message": "'angle' must be between -360 and 360 degrees, got: 500.0" },
        ],
        "status": 400,
    });
    assert_eq!(app::json(app.rmbg(form)).await, (400, expected));
}

#[tokio::test]
async fn a_rotation_too_large_comes_with_the_other_faults() {
    let app = TestApp::start();
    let form = file("a.png", png(8000, 8000)).text("angle", "45").text("mask", "maybe");
    let expected = json!({
        "error": "Multiple validation errors",
        "details": [
            { "field": "image",
              "message": "Image width (11314px) exceeds the maximum allowed width of 10000px." },
            { "field": "image",
              "message": "Image height (11314px) exceeds the maximum allowed height of 10000px." },
            { "field": "mask", "message": "'mask' must be true or false, got: 'maybe'" },
        ],
        "status": 400,
    });
    assert_eq!(app::json(app.rmbg(form)).await, (400, expected));
}

#[tokio::test]
async fn bodies_without_a_picture() {
    let app = TestApp::start();
    expect_error(app.post("/rmbg"), 400, NO_IMAGE).await;
    let urlencoded = app
        .post("/rmbg")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("format=png&w=10");
    expect_error(urlencoded, 400, NO_IMAGE).await;
    let empty_form = app.post("/rmbg").header("content-type", "multipart/form-data; boundary=x");
    expect_error(empty_form, 400, NO_IMAGE).await;
    expect_error(app.post("/rmbg").json(&json!({})), 400, NO_IMAGE).await;
    expect_error(app.post("/rmbg").json(&json!({ "image": null })), 400, NO_IMAGE).await;
    let empty = "Uploaded file is empty (0 bytes).";
    expect_error(app.post("/rmbg").json(&json!({ "image": "" })), 400, empty).await;
    expect_error(app.post("/rmbg").json(&json!({ "image": "?" })), 400, INVALID).await;
    expect_error(app.post("/rmbg").json(&json!({ "image": 7 })), 400, INVALID).await;
    let object = "Request body must be a JSON object.";
    expect_error(app.post("/rmbg").json(&json!([])), 400, object).await;
}

#[tokio::test]
async fn content_types_that_carry_nothing() {
    let app = TestApp::start();
    let message = "Unsupported content type. Use multipart/form-data or application/json.";
    for kind in ["text/plain", "image/png", "multipart/mixed; boundary=x", "nonsense"] {
        let request = app.post("/rmbg").header("content-type", kind).body("hello");
        expect_error(request, 415, message).await;
    }
    expect_error(app.post("/rmbg").body("hello"), 415, message).await;
}
