//! Uploads that are too large, too slow, or too many.

use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::app::{Setup, TestApp, expect_error, file, photo, png};

const MB: usize = 1024 * 1024;

fn fat(bytes: usize) -> Vec<u8> {
    let mut file = png(10, 10);
    file.resize(bytes, 0);
    file
}

#[tokio::test]
async fn an_oversized_file_is_answered_with_its_size() {
    let app = TestApp::start();
    let message = "File size (55.2 MB) exceeds the maximum allowed size of 50 MB.";
    expect_error(app.rmbg(file("a.png", fat(57_881_395))), 400, message).await;
    let image = BASE64_STANDARD.encode(fat(57_881_395));
    expect_error(app.post("/rmbg").json(&json!({ "image": image })), 400, message).await;
}

#[tokio::test]
async fn an_oversized_picture_in_json_keeps_the_other_faults() {
    let app = Setup::new().set("max_image_bytes", 4 * MB).start();
    let letters = BASE64_STANDARD.encode(fat(10 * MB));
    let lines: Vec<_> = letters.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    let body = json!({ "angle": 500, "image": lines.join("\n"), "w": "abc" });
    let expected = json!({
        "error": "Multiple validation errors",
        "details": [
            { "field": "image",
              "message": "File size (10.0 MB) exceeds the maximum allowed size of 4 MB." },
            { "field": "w", "message": "'w' must be an integer, got: 'abc'" },
            { "field": "angle",
              "message": "'angle' must be between -360 and 360 degrees, got: 500.0" },
        ],
        "status": 400,
    });
    let request = app.post("/rmbg").json(&body);
    assert_eq!(crate::app::json(request).await, (400, expected));
}

#[tokio::test]
async fn a_picture_is_not_blamed_for_what_comes_beside_it() {
    let app = Setup::new().set("max_image_bytes", 4 * MB).start();
    let image = BASE64_STANDARD.encode(fat(MB));
    let body = json!({ "image": image, "note": "n".repeat(10 * MB) });
    expect_error(app.post("/rmbg").json(&body), 400, "The request body is too large.").await;
}

#[tokio::test]
async fn the_largest_file_is_taken() {
    let app = TestApp::start();
    let response = app.rmbg(file("a.png", fat(50 * MB))).send().await.expect("answer");
    assert_eq!(response.status(), 200);
    let message = "File size (50.0 MB) exceeds the maximum allowed size of 50 MB.";
    expect_error(app.rmbg(file("a.png", fat(50 * MB + 1))), 400, message).await;
    let image = BASE64_STANDARD.encode(fat(50 * MB));
    let body = json!({ "image": image });
    let response = app.post("/rmbg").json(&body).send().await.expect("answer");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn counting_ends_somewhere() {
    let app = Setup::new().set("max_image_bytes", MB).start();
    let form = fat(40 * MB);
    let head = format!(
        "POST /rmbg HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {}\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"image\"; \
         filename=\"a.png\"\r\n\r\n",
        form.len()
    );
    let answer = app.raw(&[head.as_bytes(), &form].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("File size (40.0 MB) exceeds the maximum allowed size of 1 MB."));
}

#[tokio::test]
async fn early_refusals_arrive_after_large_uploads() {
    let app = TestApp::start();
    let both = app.rmbg(file("a.png", fat(20 * MB))).bearer_auth("token");
    let message = "This is a mistake: Cannot use both API key and user token";
    expect_error(both, 400, message).await;
    let odd = app.post("/rmbg").header("content-type", "text/plain").body(fat(20 * MB));
    let message = "Unsupported content type. Use multipart/form-data or application/json.";
    expect_error(odd, 415, message).await;
}

#[tokio::test]
async fn uploads_share_bounded_memory() {
    let app = Setup::new()
        .set("max_image_bytes", MB)
        .set("upload_memory_bytes", 3 * MB)
        .set("upload_pause_seconds", 30)
        .start();
    let start = Instant::now();
    let busy = "The service is busy. Please retry shortly.";
    let half_sent = loop {
        let streams = [half_sent(&app).await, half_sent(&app).await, half_sent(&app).await];
        // Asked before the server has read all of them, the picture takes the memory from one,
        // which then is refused instead: once more.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let response = app.rmbg(photo()).send().await.expect("answer");
        if response.status() == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
            assert!(response.text().await.expect("body").contains(busy));
            break streams;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "memory is never used up");
    };
    drop(half_sent);
    while app.rmbg(photo()).send().await.expect("answer").status() != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "memory is not given back");
    }
}

/// An upload of a megabyte that stops shortly before its end.
async fn half_sent(app: &TestApp) -> TcpStream {
    let mut stream = app.connect().await;
    let head = format!(
        "POST /rmbg HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {MB}\r\n\r\n--b\r\nContent-Disposition: form-data; \
         name=\"image\"; filename=\"a.png\"\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("head");
    // Fails where the server refuses it half-way.
    let _ = stream.write_all(&fat(MB - 1000)).await;
    stream
}

#[tokio::test]
async fn a_stalled_upload_is_ended() {
    let app = Setup::new().set("upload_pause_seconds", 1).start();
    let mut stream = app.connect().await;
    let head = "POST /rmbg HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
                Content-Length: 5000\r\n\r\n--b\r\n";
    stream.write_all(head.as_bytes()).await.expect("head");
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(8), stream.read_to_string(&mut answer));
    let _ = read.await.expect("an answer in time");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains(r#"{"error":"The upload took too long.","status":408}"#), "{answer}");
}

#[tokio::test]
async fn a_stalled_body_is_ended_everywhere() {
    let app = Setup::new().set("upload_pause_seconds", 1).start();
    for path in ["/api/auth/login", "/api/stripe/webhook"] {
        let mut stream = app.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Stripe-Signature: t=1,v1=00\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("head");
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(8), stream.read_exact(&mut answer));
        read.await.expect("in time").expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 408", "{path}");
    }
}

#[tokio::test]
async fn a_trickling_upload_is_ended_too() {
    let app = Setup::new().set("upload_seconds", 1).start();
    let mut stream = app.connect().await;
    let head = "POST /rmbg HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 5000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("head");
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(8), reader.read_exact(&mut answer));
    read.await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
    trickle.abort();
}

#[tokio::test]
async fn slow_headers_are_ended() {
    let app = Setup::new().set("header_seconds", 1).start();
    let mut stream = app.connect().await;
    stream.write_all(b"POST /rmbg HTT").await.expect("a start");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut answer));
    let _ = read.await.expect("ended in time");
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"));
}
