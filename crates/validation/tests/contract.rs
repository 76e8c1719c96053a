//! The contract's table of messages, row by row, and the order of faults.

use proptest::prelude::*;
use validation::{
    Colour, Dimensions, ImageFacts, JsonRequest, Limits, Message, Options, OutputFormat,
    OutputSizes, RawFields, Rejection, parse, service,
};

const MB: u64 = 1024 * 1024;

fn fields(pairs: &[(&str, &str)]) -> RawFields {
    pairs.iter().copied().collect()
}

/// A picture without fault: whatever is wrong then comes from the fields.
fn photo() -> ImageFacts<'static> {
    ImageFacts {
        file_name: Some("photo.png"),
        bytes: 1000,
        dimensions: Some(Dimensions { width: 400, height: 300 }),
    }
}

/// An answer as large as the picture.
fn unchanged(source: Dimensions, _: &Options) -> OutputSizes {
    OutputSizes { rotated: source, finished: source }
}

fn judge(pairs: &[(&str, &str)]) -> Result<Options, Rejection> {
    parse(Some(photo()), &fields(pairs), &Limits::default(), unchanged)
}

fn judge_file(facts: Option<ImageFacts<'_>>) -> Result<Options, Rejection> {
    parse(facts, &RawFields::default(), &Limits::default(), unchanged)
}

/// The only message of a refusal, which must then have no details.
fn only_message<T: std::fmt::Debug>(outcome: Result<T, Rejection>) -> String {
    let rejection = outcome.expect_err("a refusal");
    assert_eq!(rejection.details(), None, "{rejection}");
    rejection.message()
}

/// `field: message` of every detail.
fn details(outcome: Result<Options, Rejection>) -> Vec<String> {
    let rejection = outcome.expect_err("a refusal");
    assert_eq!(rejection.message(), "Multiple validation errors");
    let faults = rejection.details().expect("several faults");
    faults.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
}

#[test]
fn every_field_message() {
    let cases: &[(&str, &str, &str)] = &[
        ("w", "abc", "'w' must be an integer, got: 'abc'"),
        ("h", "abc", "'h' must be an integer, got: 'abc'"),
        ("w", "5.0", "'w' must be an integer, got: '5.0'"),
        ("w", "1e3", "'w' must be an integer, got: '1e3'"),
        ("w", "inf", "'w' must be an integer, got: 'inf'"),
        ("w", "nan", "'w' must be an integer, got: 'nan'"),
        ("w", " x ", "'w' must be an integer, got: ' x '"),
        ("w", "𝟝𝟝", "'w' must be an integer, got: '𝟝𝟝'"),
        ("w", "0.0", "'w' must be an integer, got: '0.0'"),
        ("w", "-5", "'w' must be at least 1, got: -5"),
        ("h", "-1", "'h' must be at least 1, got: -1"),
        ("w", "-99999999999999999999", "'w' must be at least 1, got: -99999999999999999999"),
        ("w", "15000", "'w' must be at most 10000, got: 15000"),
        ("h", "10001", "'h' must be at most 10000, got: 10001"),
        ("w", "+015000", "'w' must be at most 10000, got: 15000"),
        ("w", "99999999999999999999", "'w' must be at most 10000, got: 99999999999999999999"),
        ("angle", "ninety", "'angle' must be a number, got: 'ninety'"),
        ("angle", "nan", "'angle' must be a number, got: 'nan'"),
        ("angle", "-Infinity", "'angle' must be a number, got: '-Infinity'"),
        ("angle", "1e999", "'angle' must be a number, got: '1e999'"),
        ("angle", "500", "'angle' must be between -360 and 360 degrees, got: 500.0"),
        ("angle", "500.25", "'angle' must be between -360 and 360 degrees, got: 500.25"),
        ("angle", "-361", "'angle' must be between -360 and 360 degrees, got: -361.0"),
        ("angle", "1e3", "'angle' must be between -360 and 360 degrees, got: 1000.0"),
        ("format", "gif", "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
        ("format", "GIF", "Invalid format 'GIF'. Allowed formats: PNG, JPEG, WEBP, BMP"),
        (
            "bg_color",
            "#12345",
            "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
        ),
        (
            "bg_color",
            "rgb(1,2,3)",
            "Invalid color format 'rgb(1,2,3)'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
        ),
        ("mask", "maybe", "'mask' must be true or false, got: 'maybe'"),
        ("expand", "2", "'expand' must be true or false, got: '2'"),
        ("exact_resize", "tru", "'exact_resize' must be true or false, got: 'tru'"),
    ];
    for (name, raw, expected) in cases {
        assert_eq!(only_message(judge(&[(name, raw)])), *expected);
    }
}

#[test]
fn every_file_message() {
    let named = |file_name, bytes| ImageFacts { file_name: Some(file_name), bytes, ..photo() };
    let no_picture = ImageFacts { dimensions: None, ..photo() };
    let measuring =
        |width, height| ImageFacts { dimensions: Some(Dimensions { width, height }), ..photo() };
    let cases = [
        (None, "No image file provided. Please include an 'image' field in your form data."),
        (Some(named("", 0)), "No file selected. Please choose an image file to upload."),
        (
            Some(named("setup.exe", 1000)),
            "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
        ),
        (
            Some(named("setup.exe", 0)),
            "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
        ),
        (Some(no_picture), "File does not appear to be a valid image (invalid file signature)"),
        (Some(named("a.png", 0)), "Uploaded file is empty (0 bytes)."),
        (
            Some(named("a.png", 57_881_395)),
            "File size (55.2 MB) exceeds the maximum allowed size of 50 MB.",
        ),
        (
            Some(measuring(12_000, 10_000)),
            "Image width (12000px) exceeds the maximum allowed width of 10000px.",
        ),
        (
            Some(measuring(10_000, 15_000)),
            "Image height (15000px) exceeds the maximum allowed height of 10000px.",
        ),
    ];
    for (facts, expected) in cases {
        assert_eq!(only_message(judge_file(facts)), expected);
    }
}

#[test]
fn messages_that_no_field_causes() {
    let rows = [
        (service::EMAIL_NOT_VERIFIED, "Email address not verified – please check your inbox"),
        (service::INVALID_API_KEY, "invalid api key"),
        (service::KEY_AND_TOKEN, "This is a mistake: Cannot use both API key and user token"),
        (service::RATE_LIMITED, "You're making requests too quickly, Please Upgrade or slow down."),
        (service::DAILY_LIMIT, "You've reached your daily limit. Please sign up for more access."),
        (
            service::OUT_OF_CREDITS,
            "You've reached your monthly limit. Consider purchasing more credits.",
        ),
        (service::BUSY, "The service is busy. Please retry shortly."),
        (service::INTERNAL, "Internal server error"),
    ];
    for (text, expected) in rows {
        assert_eq!(text, expected);
    }
}

#[test]
fn files_without_fault() {
    for (file_name, bytes) in
        [(Some(""), 1), (Some("blob"), 1), (None, 1), (Some("image.PNG"), 50 * MB)]
    {
        let facts = ImageFacts { file_name, bytes, ..photo() };
        assert!(judge_file(Some(facts)).is_ok(), "{file_name:?}");
    }
}

#[test]
fn a_picture_in_json_has_no_name_to_select() {
    let facts = ImageFacts { file_name: None, bytes: 0, dimensions: None };
    assert_eq!(only_message(judge_file(Some(facts))), "Uploaded file is empty (0 bytes).");
}

#[test]
fn both_sides_too_large_are_two_faults() {
    let facts =
        ImageFacts { dimensions: Some(Dimensions { width: 12_000, height: 15_000 }), ..photo() };
    assert_eq!(
        details(judge_file(Some(facts))),
        [
            "image: Image width (12000px) exceeds the maximum allowed width of 10000px.",
            "image: Image height (15000px) exceeds the maximum allowed height of 10000px.",
        ]
    );
}

#[test]
fn unset_is_zero_empty_or_absent() {
    for (name, raw) in [
        ("w", "0"),
        ("h", "0"),
        ("w", "-0"),
        ("w", "000"),
        ("h", ""),
        ("h", "  "),
        ("format", ""),
        ("mask", ""),
        ("expand", ""),
        ("exact_resize", " "),
        ("bg_color", ""),
        ("angle", ""),
        ("angle", "-0"),
        ("return_base64", "true"),
        ("anything", "else"),
    ] {
        assert_eq!(judge(&[(name, raw)]), Ok(Options::default()), "{name}={raw:?}");
    }
    assert_eq!(Options::default().format, OutputFormat::Webp);
    assert!(Options::default().expand);
}

#[test]
fn accepted_values() {
    let options = judge(&[
        ("format", "JPG"),
        ("w", " +0800 "),
        ("h", "10000"),
        ("exact_resize", "Yes"),
        ("bg_color", "blue"),
        ("angle", "-45.5"),
        ("expand", "OFF"),
    ])
    .expect("valid");
    assert_eq!(options.format, OutputFormat::Jpeg);
    assert_eq!(options.width.map(|side| side.get()), Some(800));
    assert_eq!(options.height.map(|side| side.get()), Some(10_000));
    assert!(options.exact_resize && !options.expand && !options.mask);
    assert_eq!(options.background, Some(Colour { red: 0, green: 0, blue: 255, alpha: 255 }));
    assert!((options.angle.degrees() + 45.5).abs() < f64::EPSILON);
    for (raw, expected) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("On", true),
        ("FALSE", false),
        ("0", false),
        ("no", false),
        ("off", false),
    ] {
        assert_eq!(judge(&[("mask", raw)]).map(|options| options.mask), Ok(expected));
    }
}

#[test]
fn the_published_clients_default_call() {
    let sent = [
        ("w", "0"),
        ("h", "0"),
        ("exact_resize", "false"),
        ("mask", "false"),
        ("bg_color", ""),
        ("angle", "0"),
        ("expand", "true"),
        ("format", "PNG"),
        ("return_base64", "true"),
    ];
    let options = judge(&sent).expect("valid");
    assert_eq!(options, Options { format: OutputFormat::Png, ..Options::default() });
}

#[test]
fn several_faults_come_in_the_promised_order() {
    let sent = fields(&[
        ("expand", "e"),
        ("angle", "500"),
        ("bg_color", "c"),
        ("mask", "m"),
        ("exact_resize", "x"),
        ("h", "20000"),
        ("w", "abc"),
        ("format", "gif"),
    ]);
    assert_eq!(
        details(parse(None, &sent, &Limits::default(), unchanged)),
        [
            "image: No image file provided. Please include an 'image' field in your form data.",
            "format: Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP",
            "w: 'w' must be an integer, got: 'abc'",
            "h: 'h' must be at most 10000, got: 20000",
            "exact_resize: 'exact_resize' must be true or false, got: 'x'",
            "mask: 'mask' must be true or false, got: 'm'",
            "bg_color: Invalid color format 'c'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
            "angle: 'angle' must be between -360 and 360 degrees, got: 500.0",
            "expand: 'expand' must be true or false, got: 'e'",
        ]
    );
}

#[test]
fn mask_and_background_exclude_each_other() {
    const CONFLICT: &str =
        "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.";
    assert_eq!(only_message(judge(&[("mask", "1"), ("bg_color", "#fff")])), CONFLICT);
    assert!(judge(&[("mask", "true"), ("bg_color", "")]).is_ok());
    assert!(judge(&[("mask", "false"), ("bg_color", "#fff")]).is_ok());
    assert_eq!(
        details(judge(&[("mask", "true"), ("bg_color", "nope"), ("angle", "x")])),
        [
            "bg_color: Invalid color format 'nope'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
            "angle: 'angle' must be a number, got: 'x'",
            &format!("mask: {CONFLICT}"),
        ]
    );
}

#[test]
fn echoes_are_cut_at_a_hundred_characters() {
    let long = "é".repeat(300);
    let cut = "é".repeat(100);
    assert_eq!(
        only_message(judge(&[("w", &long)])),
        format!("'w' must be an integer, got: '{cut}'")
    );
    assert_eq!(
        only_message(judge(&[("w", &"9".repeat(5000))])),
        format!("'w' must be at most 10000, got: {}", "9".repeat(100))
    );
    let exactly = "x".repeat(100);
    assert_eq!(
        only_message(judge(&[("format", &exactly)])),
        format!("Invalid format '{exactly}'. Allowed formats: PNG, JPEG, WEBP, BMP")
    );
}

#[test]
fn json_follows_the_same_rules() {
    let cases = [
        (r#"{"w": 15000}"#, "'w' must be at most 10000, got: 15000"),
        (r#"{"w": 5.0}"#, "'w' must be an integer, got: '5.0'"),
        (r#"{"w": true}"#, "'w' must be an integer, got: 'true'"),
        (r#"{"w": {"a": 1}}"#, "'w' must be an integer, got: '{\"a\": 1}'"),
        (r#"{"angle": 500}"#, "'angle' must be between -360 and 360 degrees, got: 500.0"),
        (r#"{"mask": 7}"#, "'mask' must be true or false, got: '7'"),
    ];
    for (body, expected) in cases {
        let request = JsonRequest::parse(body.as_bytes()).expect("an object");
        let outcome = parse(Some(photo()), &request.fields, &Limits::default(), unchanged);
        assert_eq!(only_message(outcome), expected, "{body}");
    }
    let body =
        br#"{"w": 0, "h": null, "mask": false, "expand": 1, "angle": 0.0, "format": "webp"}"#;
    let request = JsonRequest::parse(body).expect("an object");
    assert_eq!(
        parse(Some(photo()), &request.fields, &Limits::default(), unchanged),
        Ok(Options::default())
    );
}

/// Judges a sound picture that takes these sizes.
fn judge_sizes(
    pairs: &[(&str, &str)],
    rotated: (u32, u32),
    finished: (u32, u32),
) -> Result<Options, Rejection> {
    let dimensions = |(width, height)| Dimensions { width, height };
    let sizes = OutputSizes { rotated: dimensions(rotated), finished: dimensions(finished) };
    parse(Some(photo()), &fields(pairs), &Limits::default(), |_, _| sizes)
}

#[test]
fn the_answer_keeps_to_the_limit_too() {
    let outcome = |rotated, finished| judge_sizes(&[], rotated, finished);
    assert_eq!(outcome((10_000, 10_000), (10_000, 10_000)), Ok(Options::default()));
    assert_eq!(outcome((12_728, 9_000), (1000, 707)), Ok(Options::default()), "brought back");
    assert_eq!(
        only_message(outcome((12_728, 9_000), (28_284, 20_000))),
        "Image width (12728px) exceeds the maximum allowed width of 10000px.",
        "the rotation is named, not what the scaling made of it"
    );
    assert_eq!(
        only_message(outcome((200, 2000), (2000, 20_000))),
        "Image height (20000px) exceeds the maximum allowed height of 10000px."
    );
}

#[test]
fn a_rotation_too_large_is_listed_with_the_other_faults() {
    let large = (11_314, 11_314);
    let expected = [
        "image: Image width (11314px) exceeds the maximum allowed width of 10000px.",
        "image: Image height (11314px) exceeds the maximum allowed height of 10000px.",
        "mask: 'mask' must be true or false, got: 'maybe'",
    ];
    assert_eq!(details(judge_sizes(&[("mask", "maybe")], large, large)), expected);
    // Nobody knows the size where an option that decides it is at fault.
    for field in ["w", "h", "exact_resize", "angle", "expand"] {
        only_message(judge_sizes(&[(field, "x")], large, large));
    }
}

#[test]
fn damage_found_by_decoding_is_the_same_message() {
    assert_eq!(
        Rejection::of_image(&Message::InvalidImage).message(),
        "File does not appear to be a valid image (invalid file signature)"
    );
}

proptest! {
    /// No text, however odd, makes parsing panic, and an accepted request
    /// keeps the promises of its types.
    #[test]
    fn any_text_is_judged(
        pairs in proptest::collection::vec(
            (proptest::sample::select(vec![
                "format", "w", "h", "exact_resize", "mask", "bg_color", "angle", "expand",
            ]), "\\PC{0,12}|-?[0-9]{1,25}|[0-9a-f#]{3,9}|true|false"),
            0..10,
        )
    ) {
        let fields: RawFields = pairs.into_iter().collect();
        match parse(Some(photo()), &fields, &Limits::default(), unchanged) {
            Ok(options) => {
                prop_assert!(options.angle.degrees().abs() <= 360.0);
                prop_assert!(!(options.mask && options.background.is_some()));
                for side in [options.width, options.height].into_iter().flatten() {
                    prop_assert!((1..=10_000).contains(&side.get()));
                }
            }
            Err(rejection) => prop_assert!(!rejection.message().is_empty()),
        }
    }

    /// Integers print back as themselves, so echoes are exact.
    #[test]
    fn large_integers_echo_exactly(value in 10_001_i64..) {
        prop_assert_eq!(
            only_message(judge(&[("w", &value.to_string())])),
            format!("'w' must be at most 10000, got: {value}")
        );
    }
}
