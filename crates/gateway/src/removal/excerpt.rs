//! What can be told of a JSON body that is too long to keep: its short texts,
//! and how much base64 there was of the picture.

use std::ops::Range;

use validation::{JsonRequest, RawFields};

use super::{inline, submission::Received};
use crate::error::ApiError;

/// Bytes kept of one text. No valid value is near it, and messages echo only
/// the beginning.
const MAX_TEXT: usize = 4 * 1024;
/// Bytes kept of a body. Beyond it the rest is lost, and with it the fields.
const MAX_KEPT: usize = 256 * 1024;

/// A JSON body, read byte by byte, in which long texts are cut and white space
/// between the texts is left out.
#[derive(Debug, Default)]
pub(super) struct Excerpt {
    kept: Vec<u8>,
    text: Option<Text>,
    /// Where the latest short text is within what was kept.
    latest: Range<usize>,
    /// Letters of base64 in the picture, if that was long.
    picture: Option<u64>,
}

/// A text in quotes that has begun.
#[derive(Debug)]
struct Text {
    start: usize,
    escaping: bool,
    cut: bool,
    letters: u64,
}

impl Excerpt {
    /// Takes in what comes next.
    pub(super) fn take(&mut self, chunk: &[u8]) {
        for byte in chunk {
            self.step(*byte);
        }
    }

    /// The picture, if it was that which was too long or another that was whole,
    /// and the fields.
    ///
    /// # Errors
    /// 400 when something else was too long.
    pub(super) fn finish(
        mut self,
        max_image_bytes: u64,
    ) -> Result<(Option<Received>, RawFields), ApiError> {
        if let Some(text) = self.text.take() {
            self.close(&text);
        }
        let request = JsonRequest::parse(&self.kept).ok();
        let picture = self.picture.map(inline::of_letters);
        let image = match (picture, &request) {
            (Some(picture), _) if picture.size > max_image_bytes => Some(picture),
            (None, Some(request)) => request.image.as_deref().map(inline::decode),
            _ => return Err(ApiError::body_too_large()),
        };
        Ok((image, request.map(|request| request.fields).unwrap_or_default()))
    }

    /// Whether the latest text is the picture's name, however it is escaped.
    fn picture_is_next(&self) -> bool {
        let quoted = self.latest.start.saturating_sub(1)..=self.latest.end;
        let name = self.kept.get(quoted).and_then(|text| serde_json::from_slice(text).ok());
        name.is_some_and(|name: String| name == "image")
    }

    fn step(&mut self, byte: u8) {
        match self.text.take() {
            Some(text) if byte == b'"' && !text.escaping => self.close(&text),
            Some(text) => self.text = Some(self.read_on(text, byte)),
            None if byte.is_ascii_whitespace() => {}
            None => {
                self.keep(byte);
                self.text = (byte == b'"').then(|| Text::at(self.kept.len()));
            }
        }
    }

    fn read_on(&mut self, mut text: Text, byte: u8) -> Text {
        let begins = !text.escaping && byte & 0xC0 != 0x80;
        text.cut |= begins && self.kept.len() - text.start >= MAX_TEXT;
        text.count(byte);
        if !text.cut {
            self.keep(byte);
        }
        text
    }

    fn close(&mut self, text: &Text) {
        if !text.cut {
            self.latest = text.start..self.kept.len();
        } else if self.picture_is_next() {
            self.picture = Some(text.letters);
        }
        self.keep(b'"');
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(byte);
        }
    }
}

impl Text {
    fn at(start: usize) -> Self {
        Self { start, escaping: false, cut: false, letters: 0 }
    }

    /// Counts letters of base64, from behind the comma of a `data:` URL on.
    fn count(&mut self, byte: u8) {
        match byte {
            b'/' => self.letters += 1,
            _ if self.escaping => {}
            b',' => self.letters = 0,
            b'+' | b'-' | b'_' => self.letters += 1,
            _ => self.letters += u64::from(byte.is_ascii_alphanumeric()),
        }
        self.escaping = byte == b'\\' && !self.escaping;
    }
}

#[cfg(test)]
mod tests {
    use validation::Field;

    use super::*;

    fn excerpt(body: &str) -> (Option<Received>, RawFields) {
        let mut excerpt = Excerpt::default();
        for chunk in body.as_bytes().chunks(1000) {
            excerpt.take(chunk);
        }
        excerpt.finish(0).expect("told")
    }

    fn size(body: &str) -> Option<u64> {
        excerpt(body).0.map(|image| image.size)
    }

    #[test]
    fn only_letters_count() {
        let long = "QUJD".repeat(10_000);
        for image in [
            long.clone(),
            format!("data:image/png;base64,{long}"),
            format!("\\r\\n{long}=="),
            long.replace("QUJD", "QU\\/D"),
            long.replace("QUJD", "Q-_D "),
        ] {
            let body = format!("{{ \"w\" : \"1\", \"image\" : \"{image}\" }}");
            assert_eq!(size(&body), Some(30_000), "{}", &image[..40]);
        }
    }

    #[test]
    fn fields_are_kept_wherever_they_stand() {
        let filler = "\\\"é\\\\A".repeat(10_000);
        let body = format!(
            "{{\"w\": \"a\\\"b\", \"image\": \"{filler}\", \"angle\": 500, \"mask\": \"{filler}\"}}"
        );
        let (image, fields) = excerpt(&body);
        assert!(image.is_some_and(|image| image.bytes.is_empty()));
        assert_eq!(fields.get(Field::W), Some("a\"b"));
        assert_eq!(fields.get(Field::Angle), Some("500"));
        assert!(fields.get(Field::Mask).is_some_and(|text| text.len() > 2000));
    }

    #[test]
    fn other_long_texts_leave_the_picture_whole() {
        let filler = "x".repeat(100_000);
        let body = format!("{{\"image\": \"aGk=\", \"note\": \"{filler}\"}}");
        assert_eq!(excerpt(&body).0.map(|image| image.bytes), Some("hi".into()));
        assert_eq!(size(&format!("{{\"note\": \"{filler}\"}}")), None);
    }

    #[test]
    fn names_may_have_escapes() {
        let body = format!("{{\"im\\u0061ge\": \"{}\"}}", "QUJD".repeat(10_000));
        assert_eq!(size(&body), Some(30_000));
    }

    #[test]
    fn a_picture_that_ends_early_has_its_size_so_far() {
        assert_eq!(size(&("{\"image\": \"".to_owned() + &"x".repeat(10_000))), Some(7500));
    }

    #[test]
    fn not_the_picture_is_blamed_for_the_rest() {
        let picture = format!("{{\"image\": \"{}\", \"note\": 1}}", "QUJD".repeat(10_000));
        for body in ["[".repeat(300_000), picture] {
            let mut excerpt = Excerpt::default();
            excerpt.take(body.as_bytes());
            assert!(excerpt.finish(30_000).is_err());
        }
    }
}
