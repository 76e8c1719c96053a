//! Forms and requests that no client sends: an answer, and a living process.

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Runtime;

use crate::app::{TestApp, expect_error, photo, png};

const NO_IMAGE: &str = "No image file provided. Please include an 'image' field in your form data.";
const MALFORMED: &str = "Malformed multipart/form-data body.";

fn whole() -> Vec<u8> {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"w\"\r\n\r\n8\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\
                     Content-Type: image/png\r\n\r\n"
        .to_vec();
    body.extend(png(40, 30));
    body.extend(b"\r\n--b--\r\n");
    body
}

async fn post(app: &TestApp, body: Vec<u8>) -> reqwest::Response {
    let request = app.post("/rmbg").header("content-type", "multipart/form-data; boundary=b");
    request.body(body).send().await.expect("an answer")
}

#[test]
fn mutilated_forms_get_an_answer() {
    let runtime = Runtime::new().expect("runtime");
    let app = runtime.block_on(async { TestApp::start() });
    let whole = whole();
    let mutation = (0..3_u8, 0..whole.len(), any::<u8>());
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, ..Default::default() });
    let outcome = runner.run(&proptest::collection::vec(mutation, 1..4), |mutations| {
        let mut body = whole.clone();
        for (kind, at, byte) in mutations {
            let at = at.min(body.len());
            match kind {
                0 => body.truncate(at),
                1 => body.insert(at, byte),
                _ => body.splice(at..at, *b"\r\n--b\r\n").for_each(drop),
            }
        }
        let response = runtime.block_on(post(&app, body));
        let status = response.status().as_u16();
        prop_assert!(matches!(status, 200 | 400), "{status}");
        if status == 400 {
            let text = runtime.block_on(response.text()).expect("a body");
            prop_assert!(text.contains("\"status\":400"), "{}", text);
        }
        Ok(())
    });
    outcome.expect("always an answer");
    let served =
        runtime.block_on(async { app.rmbg(photo()).send().await.expect("answer").status() });
    assert_eq!(served, 200);
}

#[tokio::test]
async fn malformed_forms_are_named_so() {
    let app = TestApp::start();
    let whole = whole();
    for body in [&whole[..whole.len() - 12], b"hello", b"--b\r\n\r\nno name\r\n--b--\r\n"] {
        let request = app.post("/rmbg").header("content-type", "multipart/form-data; boundary=b");
        expect_error(request.body(body.to_vec()), 400, MALFORMED).await;
    }
    for kind in ["multipart/form-data", "multipart/form-data; boundary="] {
        let request = app.post("/rmbg").header("content-type", kind).body(whole.clone());
        expect_error(request, 400, MALFORMED).await;
    }
}

/// A form of one part with that head, around a picture.
fn part(head: &[u8]) -> Vec<u8> {
    [&b"--b\r\n"[..], head, b"\r\n\r\n", &png(40, 30), b"\r\n--b--\r\n"].concat()
}

#[tokio::test]
async fn odd_heads_are_read() {
    let app = TestApp::start();
    for file_name in [
        &b"filename=\"caf\xe9.png\""[..],
        b"filename=",
        b"filename=a.png",
        b"filename=\"C:\\photos\\\"",
        b"filename*=UTF-8''a%20b.png",
        b"x=y",
    ] {
        let head = [b"Content-Disposition: form-data; name=\"image\"; ", file_name].concat();
        let response = post(&app, part(&head)).await;
        assert_eq!(response.status(), 200, "{}", file_name.escape_ascii());
    }
}

#[tokio::test]
async fn parts_without_a_name_are_ignored() {
    let app = TestApp::start();
    for head in ["Content-Type: image/png", "Content-Disposition: form-data", "X-Nothing: 1"] {
        let request = app.post("/rmbg").header("content-type", "multipart/form-data; boundary=b");
        expect_error(request.body(part(head.as_bytes())), 400, NO_IMAGE).await;
        let body = [format!("--b\r\n{head}\r\n\r\nx\r\n").as_bytes(), &whole()].concat();
        assert_eq!(post(&app, body).await.status(), 200, "{head}");
    }
}

#[tokio::test]
async fn boundaries_however_written() {
    let app = TestApp::start();
    let head = "Content-Disposition: form-data; name=image";
    for (kind, boundary) in [
        ("multipart/form-data; boundary=a=b", "a=b"),
        ("multipart/form-data; charset=utf-8; Boundary=\"a b\"", "a b"),
        ("Multipart/Form-Data;boundary=----x'()+_,-./:=?", "----x'()+_,-./:=?"),
    ] {
        let open = format!("--{boundary}\r\n{head}\r\n\r\n");
        let close = format!("\r\n--{boundary}--\r\n");
        let body = [open.as_bytes(), &png(40, 30), close.as_bytes()].concat();
        let request = app.post("/rmbg").header("content-type", kind).body(body);
        assert_eq!(request.send().await.expect("answer").status(), 200, "{kind}");
    }
}

#[tokio::test]
async fn a_last_line_may_lack_its_end() {
    let app = TestApp::start();
    let request = |body: Vec<u8>| {
        app.post("/rmbg").header("content-type", "multipart/form-data; boundary=b").body(body)
    };
    expect_error(request(b"--b--".to_vec()), 400, NO_IMAGE).await;
    let mut body = whole();
    body.truncate(body.len() - 2);
    assert_eq!(request(body).send().await.expect("answer").status(), 200);
}

#[tokio::test]
async fn forms_without_end_are_refused() {
    let app = TestApp::start();
    let many = (0..200).fold(photo(), |form, at| form.text(format!("field{at}"), "x"));
    expect_error(app.rmbg(many), 400, "The form has too many fields.").await;
    let long = photo().text("format", "x".repeat(1_000_000));
    let message =
        format!("Invalid format '{}'. Allowed formats: PNG, JPEG, WEBP, BMP", "x".repeat(100));
    expect_error(app.rmbg(long), 400, &message).await;
}

#[tokio::test]
async fn a_second_picture_and_unknown_fields_are_ignored() {
    let app = TestApp::start();
    let form = photo()
        .part("image", reqwest::multipart::Part::bytes(b"no picture".to_vec()).file_name("b.exe"))
        .text("nonsense", "x");
    let response = app.rmbg(form).send().await.expect("answer");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn broken_requests_end_the_connection() {
    let app = TestApp::start();
    for request in [
        &b"NONSENSE\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /rmbg HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
    ] {
        let answer = app.raw(request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(app.get("/healthz").send().await.expect("answer").status(), 200);
}
