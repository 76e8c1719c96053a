//! `POST /rmbg`: what every option does to the picture that comes back.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use e2e::{Answer, Deployment, Drawing, Form, Kind, Pixels, TestServer, decode, photo};
use serde_json::json;

/// The size of the picture that is sent.
const SIZE: (u32, u32) = (96, 72);

type Fields = &'static [(&'static str, &'static str)];

/// Fields and the size of the answer.
const SIZES: &[(Fields, (u32, u32))] = &[
    (&[], SIZE),
    (&[("w", "0"), ("h", "0")], SIZE),
    (&[("w", ""), ("h", "")], SIZE),
    (&[("w", "48")], (48, 36)),
    (&[("h", "144")], (192, 144)),
    (&[("w", "48"), ("h", "72")], (48, 36)),
    (&[("w", "500"), ("h", "36")], (48, 36)),
    (&[("w", "50"), ("h", "80"), ("exact_resize", "true")], (50, 80)),
    (&[("w", "48"), ("exact_resize", "true")], (48, 36)),
    (&[("w", "50"), ("h", "80"), ("exact_resize", "")], (50, 38)),
    (&[("angle", "90")], (72, 96)),
    (&[("angle", "-270")], (72, 96)),
    (&[("angle", "180")], SIZE),
    (&[("angle", "360")], SIZE),
    (&[("angle", "90"), ("expand", "false")], SIZE),
    (&[("angle", "33.5"), ("expand", "0")], SIZE),
    (&[("angle", "90"), ("w", "36")], (36, 48)),
    (&[("angle", "45"), ("w", "60"), ("h", "60"), ("exact_resize", "1")], (60, 60)),
    (&[("angle", "0")], SIZE),
    (&[("return_base64", "true"), ("something", "else")], SIZE),
];

#[test]
fn every_option_in_one_process() {
    every_option(&Deployment::OneProcess.server().start());
}

#[test]
fn every_option_in_three_processes() {
    every_option(&Deployment::ThreeProcesses.server().start());
}

fn every_option(server: &TestServer) {
    formats(server);
    sizes(server);
    masks(server);
    colours(server);
    rotation_turns_counter_clockwise(server);
    inputs(server);
    file_names(server);
    json_in_and_out(server);
}

fn send(server: &TestServer, fields: Fields) -> Answer {
    let form =
        fields.iter().fold(Form::image(&photo()), |form, (name, value)| form.text(name, value));
    server.rmbg(form).send().ok()
}

/// Checks what every success promises, and returns its pixels.
fn pixels(answer: &Answer) -> Pixels {
    let pixels = decode(&answer.body);
    assert_eq!(answer.header("content-type"), pixels.kind.content_type());
    assert_eq!(answer.number("content-length"), answer.body.len() as u64);
    assert_eq!(answer.number("x-width"), u64::from(pixels.size().0));
    assert_eq!(answer.number("x-height"), u64::from(pixels.size().1));
    assert_eq!(answer.number("x-credits-charged"), 1);
    for name in ["x-request-id", "x-model"] {
        assert!(!answer.header(name).is_empty(), "{name}: {answer}");
    }
    let _ = answer.number("x-processing-ms");
    let limit = answer.number("x-ratelimit-limit");
    assert!(answer.number("x-ratelimit-remaining") < limit);
    let _ = answer.number("x-ratelimit-reset");
    pixels
}

fn formats(server: &TestServer) {
    let rows: &[(Fields, Kind)] = &[
        (&[], Kind::Webp),
        (&[("format", "")], Kind::Webp),
        (&[("format", "PNG")], Kind::Png),
        (&[("format", "png")], Kind::Png),
        (&[("format", "WEBP")], Kind::Webp),
        (&[("format", "jpeg")], Kind::Jpeg),
        (&[("format", "Jpg")], Kind::Jpeg),
        (&[("format", "bmp")], Kind::Bmp),
    ];
    for (fields, kind) in rows {
        let pixels = pixels(&send(server, fields));
        assert_eq!(pixels.kind, *kind, "{fields:?}");
        let flattened = matches!(kind, Kind::Jpeg | Kind::Bmp);
        assert_eq!(pixels.opaque(), flattened, "{fields:?}");
        let corner = pixels.at(0, 0);
        if flattened {
            assert!(corner.iter().all(|value| *value >= 250), "white under {fields:?}: {corner:?}");
        } else {
            assert!(corner[3] < 30, "{fields:?}: {corner:?}");
        }
        let middle = pixels.at(SIZE.0 / 2, SIZE.1 / 2);
        assert!(middle[3] > 225 && middle[0] > middle[2], "{fields:?}: {middle:?}");
    }
}

fn sizes(server: &TestServer) {
    for (fields, size) in SIZES {
        assert_eq!(pixels(&send(server, fields)).size(), *size, "{fields:?}");
    }
    let slanted = pixels(&send(server, &[("angle", "45"), ("format", "png")]));
    let side = f64::from(SIZE.0 + SIZE.1) * std::f64::consts::FRAC_1_SQRT_2;
    for length in [slanted.size().0, slanted.size().1] {
        assert!((f64::from(length) - side).abs() <= 2.0, "{:?}", slanted.size());
    }
    assert_eq!(slanted.at(0, 0)[3], 0);
}

fn masks(server: &TestServer) {
    for value in ["true", "1", "YES", "On"] {
        let form = Form::image(&photo()).text("mask", value).text("format", "png");
        let mask = pixels(&server.rmbg(form).send().ok());
        assert!(matches!(mask.image, image::DynamicImage::ImageLuma8(_)), "{value}");
        assert!(mask.at(48, 36)[0] > 225 && mask.at(0, 0)[0] < 30, "white is the subject");
    }
    // An empty colour is no colour, so there is no conflict.
    let empty = send(server, &[("mask", "true"), ("bg_color", ""), ("format", "jpeg")]);
    assert_eq!(pixels(&empty).kind, Kind::Jpeg);
}

fn colours(server: &TestServer) {
    let rows: &[(&str, [u8; 4])] = &[
        ("blue", [0, 0, 255, 255]),
        ("BLUE", [0, 0, 255, 255]),
        ("#f00", [255, 0, 0, 255]),
        ("0f0", [0, 255, 0, 255]),
        ("#0f08", [0, 255, 0, 136]),
        ("#FF5733", [255, 87, 51, 255]),
        ("ff573380", [255, 87, 51, 128]),
        ("#FFFFFFFF", [255, 255, 255, 255]),
    ];
    for (colour, corner) in rows {
        let form = Form::image(&photo())
            .text("bg_color", colour)
            .text("format", "png")
            .text("angle", "45");
        let pixels = pixels(&server.rmbg(form).send().ok());
        assert_eq!(pixels.at(0, 0), *corner, "{colour}");
        assert_eq!(pixels.opaque(), corner[3] == 255, "{colour}");
    }
    let jpeg = pixels(&send(server, &[("bg_color", "#00f"), ("format", "jpeg"), ("angle", "45")]));
    let [red, green, blue, _] = jpeg.at(0, 0);
    assert!(red < 10 && green < 10 && blue > 245, "{:?}", jpeg.at(0, 0));
}

fn rotation_turns_counter_clockwise(server: &TestServer) {
    // A bright bar at the right edge is at the top after a quarter turn
    // counter-clockwise.
    let bar = image::RgbaImage::from_fn(96, 72, |x, _| {
        if x > 64 { image::Rgba([250, 60, 20, 255]) } else { image::Rgba([0, 0, 0, 0]) }
    });
    let mut file = std::io::Cursor::new(Vec::new());
    bar.write_to(&mut file, image::ImageFormat::Png).expect("encodes");
    let form = Form::image(file.get_ref()).text("angle", "90").text("format", "png");
    let turned = pixels(&server.rmbg(form).send().ok());
    assert_eq!(turned.size(), (72, 96));
    let below = (0..72).map(|x| turned.at(x, 90)[3]).max();
    assert_eq!(below, Some(0), "what was transparent stays transparent");
}

fn inputs(server: &TestServer) {
    for kind in Kind::ALL {
        let form = Form::image(&Drawing::new(SIZE.0, SIZE.1).file(kind)).text("format", "png");
        assert_eq!(pixels(&server.rmbg(form).send().ok()).size(), SIZE, "{kind:?}");
    }
}

fn file_names(server: &TestServer) {
    for name in [
        None,
        Some("blob"),
        Some("photo.JPG"),
        Some("p.jpeg"),
        Some("a.png"),
        Some("b.webp"),
        Some("c.bmp"),
    ] {
        for declared in [None, Some("image/png"), Some("application/octet-stream")] {
            let form = Form::new().file(name, declared, &photo());
            assert_eq!(
                pixels(&server.rmbg(form).send().ok()).size(),
                SIZE,
                "{name:?} {declared:?}"
            );
        }
    }
}

fn json_in_and_out(server: &TestServer) {
    let bytes = send(server, &[("format", "png"), ("w", "48")]).body;
    let plain = STANDARD.encode(photo());
    for picture in [plain.clone(), format!("data:image/jpeg;base64,{plain}")] {
        let call = server.post("/rmbg").key(server.key());
        let body = json!({"image": picture, "format": "png", "w": 48, "mask": false});
        assert!(call.json(&body).send().ok().body == bytes, "JSON in gives the same picture");
    }
    let form = Form::image(&photo()).text("format", "png").text("w", "48");
    let answer = server.rmbg(form).header("accept", "application/json").send().ok();
    let told = answer.json();
    assert_eq!(told["image"], format!("data:image/png;base64,{}", STANDARD.encode(&bytes)));
    assert_eq!(
        (&told["width"], &told["height"], &told["format"]),
        (&json!(48), &json!(36), &json!("png"))
    );
    assert_eq!(answer.number("content-length"), answer.body.len() as u64);
}
