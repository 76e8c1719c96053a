//! Pictures written into JSON: base64, alone or as a `data:` URL (RFC 2397).

use actix_web::web::Bytes;
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::submission::Received;

/// Clients differ in whether they pad.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
/// With `-` and `_` in place of `+` and `/`.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Bytes of JSON besides the picture: options, and line breaks within base64,
/// escaped four bytes to every 76 letters.
const SLACK: u64 = 4 * 1024 * 1024;

/// How long a JSON body may be for the largest picture to fit.
pub(super) fn encoded_limit(max_image_bytes: u64) -> u64 {
    max_image_bytes.div_ceil(3) * 4 + SLACK
}

/// A picture of so many letters of base64 that came with a body too long to
/// keep; nothing but its size is left of it.
pub(super) fn of_letters(letters: u64) -> Received {
    let size = letters / 4 * 3 + letters % 4 * 3 / 4;
    Received { file_name: None, bytes: Bytes::new(), size }
}

/// Decodes a picture. What is no base64 is no picture either: it keeps its
/// length and loses its bytes, so that the judgement finds no signature.
pub(super) fn decode(text: &str) -> Received {
    let bytes = payload_of(text).and_then(decode_base64);
    match bytes {
        Some(bytes) => {
            let size = bytes.len() as u64;
            Received { file_name: None, bytes: bytes.into(), size }
        }
        None => Received { file_name: None, bytes: Bytes::new(), size: 1 },
    }
}

/// What follows `base64,` in a data URL, or the whole text.
fn payload_of(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.split_at_checked("data:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data:") => {
            let (kind, payload) = rest.split_once(',')?;
            kind.to_ascii_lowercase().ends_with(";base64").then_some(payload)
        }
        _ => Some(text),
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let joined: String = text.split_ascii_whitespace().collect();
        return decode_letters(&joined);
    }
    decode_letters(text)
}

fn decode_letters(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let cases: &[(&str, &[u8])] = &[
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            (" aG\r\nk= ", b"hi"),
            ("data:image/png;base64,aGk=", b"hi"),
            ("DATA:;BASE64,aGk=", b"hi"),
            ("data:image/png;name=x;base64,aGk=", b"hi"),
            ("+/+/", b"\xfb\xff\xbf"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("data:image/png;base64,-_-\n_aA==", b"\xfb\xff\xbfh"),
            ("", b""),
            ("data:image/png;base64,", b""),
        ];
        for (text, expected) in cases {
            let image = decode(text);
            assert_eq!(image.bytes, *expected, "{text:?}");
            assert_eq!(image.size, expected.len() as u64);
        }
    }

    #[test]
    fn what_is_no_base64_is_no_picture() {
        for text in ["a", "!!!!", "data:image/png,hi", "data:image/png;base64", "päng", "a-+b"] {
            let image = decode(text);
            assert!(image.bytes.is_empty() && image.size > 0, "{text:?}");
        }
    }

    #[test]
    fn sizes_of_bodies_and_pictures() {
        assert_eq!(of_letters(4_000_000).size, 3_000_000);
        assert_eq!(of_letters(4_000_002).size, 3_000_001, "padding is no letter");
        assert!(encoded_limit(3_000_000) >= 4_000_000);
    }
}
