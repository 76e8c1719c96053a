//! Every accepted kind of file becomes the right picture.

use imaging::{DecodeLimits, ImagingError, InputFormat, Size, decode, probe, sniff};

use crate::fixtures::{bytes, difference, open, photo};

/// Files that show the same picture as `rgb.png`, and how far the mean sample may be off.
const SAME_PICTURE: &[(&str, f64)] = &[
    ("baseline.jpg", 6.0),
    ("baseline_444.jpg", 4.0),
    ("progressive.jpg", 6.0),
    ("restart.jpg", 6.0),
    ("srgb_icc.jpg", 6.0),
    ("palette.png", 12.0),
    ("palette_trns.png", 20.0),
    ("rgba.png", 0.0),
    ("lossy.webp", 8.0),
    ("lossless.webp", 3.0),
    ("animated.webp", 8.0),
    ("rgb.bmp", 0.0),
    ("rgba.bmp", 0.0),
    ("palette.bmp", 20.0),
];

/// Pairs: a file, what another decoder and colour engine (Pillow, LittleCMS) made of it, the
/// largest mean difference. Engines differ in how they walk a coarse ink table.
const EXPECTED: &[(&str, &str, f64)] = &[
    ("cmyk.jpg", "cmyk_expected.png", 0.6),
    ("cmyk_plain.jpg", "cmyk_plain_expected.png", 0.6),
    ("ycck.jpg", "ycck_expected.png", 1.0),
    ("jpeg_with_profile_named.png", "jpeg_with_profile_expected.png", 1.5),
    ("profile.png", "profile_expected.png", 1.0),
    ("profile.webp", "profile_expected.png", 1.0),
    ("grey_profile.png", "grey_profile_expected.png", 1.0),
    ("cmyk_profile.jpg", "cmyk_profile_expected.png", 6.0),
];

#[test]
fn the_same_picture_in_every_format() {
    let reference = photo("rgb.png");
    for (name, tolerance) in SAME_PICTURE {
        let (mean, _) = difference(&photo(name).colour, &reference.colour);
        assert!(mean <= *tolerance, "{name}: mean difference {mean}");
    }
}

#[test]
fn colours_agree_with_another_colour_engine() {
    for (name, expected, tolerance) in EXPECTED {
        let (mean, _) = difference(&photo(name).colour, &photo(expected).colour);
        assert!(mean <= *tolerance, "{name}: mean difference {mean}");
    }
}

#[test]
fn a_broken_profile_is_ignored() {
    let plain = photo("broken_profile.jpg");
    assert_eq!(plain.size(), Size::new(48, 32));
    let (moved, _) = difference(&plain.colour, &photo("jpeg_with_profile_named.png").colour);
    assert!(moved > 1.0, "the sound profile changes colours, the broken one does not");
}

#[test]
fn grey_files_become_grey_pictures() {
    for name in ["grey.jpg", "grey.png", "grey_alpha.png", "grey.bmp", "one_bit.png"] {
        let photo = photo(name);
        assert_eq!(photo.size(), Size::new(96, 64), "{name}");
        let grey = photo.colour.pixels().all(|p| p[0] == p[1] && p[1] == p[2]);
        assert!(grey, "{name}");
    }
}

#[test]
fn deep_and_interlaced_png() {
    let deep = photo("rgb16.png");
    let interlaced = photo("interlaced.png");
    assert_eq!(deep.size(), Size::new(48, 32));
    assert!(deep == interlaced);
}

#[test]
fn alpha_is_kept_and_opaque_alpha_dropped() {
    for name in ["rgba.png", "grey_alpha.png", "lossy_alpha.webp", "lossless.webp", "rgba.bmp"] {
        let alpha = photo(name).alpha.unwrap_or_else(|| panic!("{name} lost its alpha"));
        assert_eq!(alpha.get_pixel(0, 0)[0], 0, "{name}");
        assert_eq!(alpha.get_pixel(95, 63)[0], 255, "{name}");
    }
    let keyed = photo("palette_trns.png").alpha.expect("one palette entry is transparent");
    assert!(keyed.iter().all(|a| matches!(a, 0 | 255)));
    for name in ["rgb.png", "baseline.jpg", "lossy.webp", "animated.webp", "rgb.bmp"] {
        assert_eq!(photo(name).alpha, None, "{name}");
    }
}

#[test]
fn exif_orientation_is_applied() {
    let upright = photo("upright.png");
    let names = (1..=8).map(|o| format!("orientation_{o}.jpg"));
    let others = ["orientation_6.png", "orientation_6.webp"].map(String::from);
    for name in names.chain(others) {
        let header = probe(&bytes(&name)).expect("sound header");
        assert_eq!(header.oriented, Size::new(24, 16), "{name}");
        let (mean, _) = difference(&photo(&name).colour, &upright.colour);
        assert!(mean < 3.0, "{name}: mean difference {mean}");
    }
}

/// ISO/IEC 15948 lets `eXIf` stand anywhere between IHDR and IEND.
#[test]
fn orientation_may_follow_the_pixels() {
    let mut file = bytes("orientation_6.png");
    let name = file.windows(4).position(|name| name == b"eXIf").expect("the chunk");
    let length = u32::from_be_bytes(file[name - 4..name].try_into().unwrap()) as usize;
    let chunk: Vec<u8> = file.drain(name - 4..name + 8 + length).collect();
    let end = file.len() - 12;
    file.splice(end..end, chunk);
    assert_eq!(probe(&file).expect("sound header").oriented, Size::new(24, 16));
    assert_eq!(open(&file).unwrap().colour, photo("orientation_6.png").colour);
}

#[test]
fn headers_tell_what_decoding_gives() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap()
    {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let header = probe(&bytes).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(header.oriented, open(&bytes).unwrap().size(), "{path:?}");
        assert!(header.oriented == header.stored || header.oriented == header.stored.transposed());
    }
}

#[test]
fn the_signature_decides_the_format() {
    let cases = [
        ("jpeg_with_profile_named.png", InputFormat::Jpeg),
        ("rgb.png", InputFormat::Png),
        ("lossy.webp", InputFormat::WebP),
        ("rgb.bmp", InputFormat::Bmp),
    ];
    for (name, format) in cases {
        assert_eq!(sniff(&bytes(name)), Some(format), "{name}");
    }
    for foreign in [&b""[..], b"GIF89a", b"RIFF....WAVEfmt ", b"BM", b"<svg/>", b"\x89PN"] {
        assert_eq!(sniff(foreign), None);
        assert_eq!(probe(foreign), Err(ImagingError::UnknownFormat));
        assert_eq!(open(foreign), Err(ImagingError::UnknownFormat));
    }
}

#[test]
fn limits_are_checked_on_the_header() {
    let limits = |max_side, max_pixels| DecodeLimits { max_side, max_pixels };
    let png = bytes("rgb.png");
    let cases = [
        (limits(95, 10_000), Err(ImagingError::TooWide(96))),
        (limits(96, 6_143), Err(ImagingError::TooManyPixels(6_144))),
        (limits(96, 6_144), Ok(())),
    ];
    for (limits, expected) in cases {
        assert_eq!(decode(&png, &limits).map(drop), expected);
    }
    let mut tall = png;
    tall[20..24].copy_from_slice(&15_000_u32.to_be_bytes());
    assert_eq!(open(&tall), Err(ImagingError::TooTall(15_000)));
}
