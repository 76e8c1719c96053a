//! `POST /rmbg`: every row of the contract's table of errors that the request
//! itself causes.

use e2e::{Deployment, Drawing, Form, Kind, TestServer, blank_png, photo};
use serde_json::json;

use crate::expect;

const INVALID: &str = "File does not appear to be a valid image (invalid file signature)";
const NO_IMAGE: &str = "No image file provided. Please include an 'image' field in your form data.";
const NOT_SELECTED: &str = "No file selected. Please choose an image file to upload.";
const EMPTY: &str = "Uploaded file is empty (0 bytes).";
const MASK_AND_COLOUR: &str =
    "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.";

/// Every fault of a field, with the one message it gives.
const FIELD_ROWS: &[(&str, &str, &str)] = &[
    ("w", "abc", "'w' must be an integer, got: 'abc'"),
    ("w", "1.5", "'w' must be an integer, got: '1.5'"),
    ("h", "12px", "'h' must be an integer, got: '12px'"),
    ("w", "-5", "'w' must be at least 1, got: -5"),
    ("h", "-1", "'h' must be at least 1, got: -1"),
    ("w", "15000", "'w' must be at most 10000, got: 15000"),
    ("h", "10001", "'h' must be at most 10000, got: 10001"),
    ("angle", "ninety", "'angle' must be a number, got: 'ninety'"),
    ("angle", "NaN", "'angle' must be a number, got: 'NaN'"),
    ("angle", "inf", "'angle' must be a number, got: 'inf'"),
    ("angle", "-infinity", "'angle' must be a number, got: '-infinity'"),
    ("angle", "500", "'angle' must be between -360 and 360 degrees, got: 500.0"),
    ("angle", "-360.5", "'angle' must be between -360 and 360 degrees, got: -360.5"),
    ("format", "gif", "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
    ("format", "TIFF", "Invalid format 'TIFF'. Allowed formats: PNG, JPEG, WEBP, BMP"),
    (
        "bg_color",
        "#12345",
        "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
    ),
    (
        "bg_color",
        "blau",
        "Invalid color format 'blau'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
    ),
    ("mask", "maybe", "'mask' must be true or false, got: 'maybe'"),
    ("exact_resize", "2", "'exact_resize' must be true or false, got: '2'"),
    ("expand", "nope", "'expand' must be true or false, got: 'nope'"),
];

#[test]
fn every_row_in_one_process() {
    every_row(Deployment::OneProcess);
}

#[test]
fn every_row_in_three_processes() {
    every_row(Deployment::ThreeProcesses);
}

fn every_row(deployment: Deployment) {
    let server = deployment.server().start();
    fields(&server);
    files(&server);
    sizes(&server);
    several(&server);
    json_bodies(&server);
    let after = server.rmbg(Form::image(&photo())).send().ok();
    assert_eq!(after.number("x-credits-charged"), 1);
}

fn fields(server: &TestServer) {
    for (field, value, message) in FIELD_ROWS {
        let answer = server.rmbg(Form::image(&photo()).text(field, value)).send();
        expect::error(&answer, 400, message);
        let turned =
            server.rmbg(Form::new().text(field, value).file(Some("a.png"), None, &photo()));
        expect::error(&turned.send(), 400, message);
    }
    let long = "x".repeat(150);
    let cut = format!("'w' must be an integer, got: '{}'", "x".repeat(100));
    expect::error(&server.rmbg(Form::image(&photo()).text("w", &long)).send(), 400, &cut);
    let both = Form::image(&photo()).text("mask", "true").text("bg_color", "red");
    expect::error(&server.rmbg(both).send(), 400, MASK_AND_COLOUR);
}

fn files(server: &TestServer) {
    let photo = photo();
    let foreign = |extension: &str| {
        format!(
            "File type '{extension}' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg"
        )
    };
    let rows: &[(&str, Form, String)] = &[
        ("no field", Form::new().text("w", "10"), NO_IMAGE.into()),
        ("an empty form", Form::new(), NO_IMAGE.into()),
        ("nothing chosen", Form::new().file(Some(""), None, b""), NOT_SELECTED.into()),
        ("0 bytes", Form::image(b""), EMPTY.into()),
        ("a program", Form::new().file(Some("virus.exe"), None, &photo), foreign(".exe")),
        ("an animation", Form::new().file(Some("a.b.gif"), None, &photo), foreign(".gif")),
        ("text", Form::image(b"hello, this is no picture"), INVALID.into()),
        ("half a JPEG", Form::image(&photo[..photo.len() / 2]), INVALID.into()),
        ("a signature alone", Form::image(b"\x89PNG\r\n\x1a\n"), INVALID.into()),
    ];
    for (name, form, message) in rows {
        let answer = server.rmbg(form.clone()).send();
        assert_eq!(answer.status, 400, "{name}: {answer}");
        expect::error(&answer, 400, message);
    }
    // A huge upload is read to its end, so that the answer arrives.
    let fat = vec![0xff; 55 * 1024 * 1024 + 210 * 1024];
    let message = "File size (55.2 MB) exceeds the maximum allowed size of 50 MB.";
    expect::error(&server.rmbg(Form::image(&fat)).send(), 400, message);
}

fn sizes(server: &TestServer) {
    let wide = "Image width (12000px) exceeds the maximum allowed width of 10000px.";
    let tall = "Image height (15000px) exceeds the maximum allowed height of 10000px.";
    expect::error(&server.rmbg(Form::image(&blank_png(12000, 2))).send(), 400, wide);
    expect::error(&server.rmbg(Form::image(&blank_png(2, 15000))).send(), 400, tall);
    let both = server.rmbg(Form::image(&blank_png(12000, 15000))).send();
    expect::errors(&both, &[("image", wide), ("image", tall)]);
    // 10000 cos 4° + 600 sin 4°: too wide once it is turned.
    let long = blank_png(10000, 600);
    let slanted = server.rmbg(Form::image(&long).text("angle", "4")).send();
    let message = "Image width (10018px) exceeds the maximum allowed width of 10000px.";
    expect::error(&slanted, 400, message);
}

fn several(server: &TestServer) {
    let form = Form::image(&photo())
        .text("angle", "500")
        .text("expand", "perhaps")
        .text("bg_color", "#12345")
        .text("mask", "yes")
        .text("h", "-5")
        .text("w", "abc")
        .text("format", "gif");
    let expected = [
        ("format", "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
        ("w", "'w' must be an integer, got: 'abc'"),
        ("h", "'h' must be at least 1, got: -5"),
        (
            "bg_color",
            "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
        ),
        ("angle", "'angle' must be between -360 and 360 degrees, got: 500.0"),
        ("expand", "'expand' must be true or false, got: 'perhaps'"),
    ];
    let answer = server.rmbg(form).send();
    // Whether a colour that does not parse also conflicts with the mask is the
    // one thing that the contract leaves open; the order is not.
    let fields: Vec<String> = answer.json()["details"]
        .as_array()
        .expect("details")
        .iter()
        .map(|detail| detail["message"].as_str().unwrap_or_default().to_owned())
        .collect();
    let wanted: Vec<&str> = expected.iter().map(|(_, message)| *message).collect();
    assert_eq!(fields[..wanted.len()], wanted[..], "{answer}");
    let none = server.rmbg(Form::new().text("w", "abc").text("angle", "x")).send();
    expect::errors(
        &none,
        &[
            ("image", NO_IMAGE),
            ("w", "'w' must be an integer, got: 'abc'"),
            ("angle", "'angle' must be a number, got: 'x'"),
        ],
    );
}

fn json_bodies(server: &TestServer) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let send =
        |value: &serde_json::Value| server.post("/rmbg").key(server.key()).json(value).send();
    let picture = STANDARD.encode(Drawing::new(32, 24).file(Kind::Png));
    expect::error(&send(&json!({})), 400, NO_IMAGE);
    expect::error(&send(&json!({"image": ""})), 400, EMPTY);
    expect::error(&send(&json!({"image": STANDARD.encode("hello")})), 400, INVALID);
    expect::error(
        &send(&json!({"image": picture, "w": "abc"})),
        400,
        "'w' must be an integer, got: 'abc'",
    );
    expect::error(
        &send(&json!({"image": picture, "angle": 500})),
        400,
        "'angle' must be between -360 and 360 degrees, got: 500.0",
    );
    let broken = server.post("/rmbg").key(server.key()).body("application/json", b"{".to_vec());
    assert_eq!(broken.send().status, 400);
    let odd = server.post("/rmbg").key(server.key()).body("text/plain", b"hello".to_vec()).send();
    assert_eq!(odd.json()["status"], 415, "{odd}");
    assert_eq!(odd.status, 415);
}
