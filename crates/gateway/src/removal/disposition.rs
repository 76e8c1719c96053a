//! What the head of a form's part says: its name and its file's.
//!
//! Clients write these heads in many ways that no grammar allows, and few of
//! them can be told to write others, so the reading is lenient throughout.

use actix_web::http::header::{self, HeaderMap, parse_extended_value};

/// The names within `Content-Disposition`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    /// The field; empty where the part has none.
    pub(super) name: String,
    /// The file; empty where it has none.
    pub(super) file_name: String,
}

impl Disposition {
    /// Reads the head of a part.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        headers
            .get(header::CONTENT_DISPOSITION)
            .map_or_else(Self::default, |value| Self::parse(value.as_bytes()))
    }

    /// `filename*` counts only where there is no `filename`.
    fn parse(value: &[u8]) -> Self {
        let plain = parameter(value, "filename");
        let extended = || {
            let value = parse_extended_value(&parameter(value, "filename*")?).ok()?;
            Some(String::from_utf8_lossy(&value.value).into_owned())
        };
        Self {
            name: parameter(value, "name").unwrap_or_default(),
            file_name: plain.or_else(extended).unwrap_or_default(),
        }
    }
}

/// The parameter of that name behind the first semicolon of a header's value.
pub(super) fn parameter(value: &[u8], name: &str) -> Option<String> {
    let (_, mut rest) = split(value, b';')?;
    loop {
        let (key, after) = split(rest, b'=')?;
        // A key has no semicolon: what is before one is no parameter.
        let key = key.rsplit(|byte| *byte == b';').next().unwrap_or(key);
        let (found, after) = read_value(after.trim_ascii_start());
        if key.trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
            return Some(found);
        }
        rest = split(after, b';').map_or(&[][..], |(_, rest)| rest);
    }
}

/// A value, quoted or bare, and what follows it.
fn read_value(text: &[u8]) -> (String, &[u8]) {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        let end = closing_quote(quoted);
        let after = quoted.get(end + 1..).unwrap_or_default();
        return (decode(&quoted[..end]).replace("\\\"", "\""), after);
    }
    let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
    (decode(text[..end].trim_ascii()), &text[end..])
}

/// Where a quoted value ends. A quote behind a backslash belongs to the value,
/// unless the parameter ends there: then the backslash is the value's own last
/// character, as in the path of a directory.
fn closing_quote(text: &[u8]) -> usize {
    let closes = |at: usize| {
        let next = text[at + 1..].trim_ascii_start().first();
        let escaped = at > 0 && text[at - 1] == b'\\';
        text[at] == b'"' && (!escaped || matches!(next, None | Some(b';')))
    };
    (0..text.len()).find(|at| closes(*at)).unwrap_or(text.len())
}

/// UTF-8, or else Latin-1, in which any bytes are text.
fn decode(text: &[u8]) -> String {
    std::str::from_utf8(text)
        .map_or_else(|_| text.iter().copied().map(char::from).collect(), str::to_owned)
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((&text[..position], &text[position + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_however_written() {
        let cases: &[(&[u8], &str, &str)] = &[
            (b"form-data; name=\"image\"; filename=\"a.png\"", "image", "a.png"),
            (b"form-data; filename=\"name=x; a.png\"; name=\"w\"", "w", "name=x; a.png"),
            (b"form-data;name=image;filename=a b.png", "image", "a b.png"),
            (b"form-data; Name = \"image\" ; FILENAME = a.png ", "image", "a.png"),
            (b"form-data; name=\"image\"; filename=", "image", ""),
            (b"form-data; name=\"image\"; filename=; x=y", "image", ""),
            (b"form-data; name=image; filename=\"caf\xe9.png\"", "image", "caf\u{e9}.png"),
            ("form-data; name=image; filename=\"фото.png\"".as_bytes(), "image", "фото.png"),
            (b"form-data; name=image; filename=\"C:\\dir\\\"", "image", "C:\\dir\\"),
            (b"form-data; filename=\"C:\\dir\\\"; name=image", "image", "C:\\dir\\"),
            (b"form-data; name=image; filename=\"a\\\"b.png\"", "image", "a\"b.png"),
            (b"form-data; name=image; filename=\"a.png", "image", "a.png"),
            (b"form-data; name=image; filename*=UTF-8''a%20b.png", "image", "a b.png"),
            (b"form-data; name=image; filename*=x''y; filename=a.png", "image", "a.png"),
            (b"form-data; stray; name=image", "image", ""),
            (b"form-data; filename=\"a.png\"", "", "a.png"),
            (b"form-data", "", ""),
            (b"", "", ""),
        ];
        for (value, name, file_name) in cases {
            let expected =
                Disposition { name: (*name).to_owned(), file_name: (*file_name).to_owned() };
            assert_eq!(Disposition::parse(value), expected, "{}", value.escape_ascii());
        }
    }
}
