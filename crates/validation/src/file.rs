//! What can be said about an uploaded file before its pixels are decoded.

use crate::Message;

/// The file extensions that may be uploaded; having none is fine too.
pub const ALLOWED_EXTENSIONS: [&str; 5] = ["webp", "bmp", "png", "jpg", "jpeg"];

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The bounds that a deployment may narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// Longest side of a picture, as uploaded and as answered, in pixels.
    pub max_side: u32,
}

impl Default for Limits {
    /// The contract's own: 50 MB and 10000 pixels.
    fn default() -> Self {
        Self { max_bytes: 50 * 1024 * 1024, max_side: 10_000 }
    }
}

/// What the edge learnt of a picture without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageFacts<'a> {
    /// The file name of a form's part, empty when it had none. `None` where a
    /// picture cannot have a name, as in JSON.
    pub file_name: Option<&'a str>,
    /// The true size in bytes, also when not all of them were kept.
    pub bytes: u64,
    /// What the header says; `None` when the signature is no known picture's
    /// or the header is damaged.
    pub dimensions: Option<Dimensions>,
}

impl ImageFacts<'_> {
    /// The faults of the file. The first kind found hides the later ones: what
    /// is no picture has no width.
    pub(crate) fn faults(&self, limits: &Limits) -> Vec<Message> {
        match self.fault_before_header(limits) {
            Some(fault) => vec![fault],
            None => match self.dimensions {
                Some(dimensions) => Message::oversize(dimensions, limits.max_side).collect(),
                None => vec![Message::InvalidImage],
            },
        }
    }

    fn fault_before_header(&self, limits: &Limits) -> Option<Message> {
        if self.bytes == 0 && self.file_name.is_some_and(|name| name.trim().is_empty()) {
            return Some(Message::NoFileSelected);
        }
        if let Some(extension) = self.file_name.and_then(unsupported_extension) {
            return Some(Message::UnsupportedExtension(extension));
        }
        if self.bytes == 0 {
            return Some(Message::EmptyFile);
        }
        (self.bytes > limits.max_bytes)
            .then_some(Message::FileTooLarge { bytes: self.bytes, limit: limits.max_bytes })
    }
}

/// The extension of `file_name` with its dot, if it has one that is not
/// allowed. Some clients send a whole path, of either kind; a name that is all
/// extension (`.exe`) has none, as on the systems that such names come from.
fn unsupported_extension(file_name: &str) -> Option<String> {
    let name = file_name.trim().rsplit(['/', '\\']).next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    let allowed = ALLOWED_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension));
    (!stem.is_empty() && !extension.is_empty() && !allowed).then(|| format!(".{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions() {
        let cases: &[(&str, Option<&str>)] = &[
            ("photo.png", None),
            ("photo.JPG", None),
            ("photo.jpeg", None),
            ("photo.webp", None),
            ("photo.bmp", None),
            ("photo", None),
            ("", None),
            ("blob", None),
            ("photo.", None),
            (".png", None),
            (".hidden", None),
            ("photo.png ", None),
            ("holiday.v2\\photo", None),
            ("/tmp/a.b/photo.png", None),
            ("virus.exe", Some(".exe")),
            ("virus.EXE", Some(".EXE")),
            ("photo.png.gif", Some(".gif")),
            ("photo.jfif", Some(".jfif")),
            ("C:\\photos\\a.tiff", Some(".tiff")),
            ("фото.пнг", Some(".пнг")),
        ];
        for (name, expected) in cases {
            assert_eq!(unsupported_extension(name).as_deref(), *expected, "{name:?}");
        }
    }
}
