//! The formats read and written, told apart by signature and never by name.

/// A picture format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InputFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// WebP, lossy, lossless or animated (the first frame is used).
    WebP,
    /// Windows bitmap.
    Bmp,
}

impl InputFormat {
    /// The media type of the format, such as `image/png`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
        }
    }
}

/// A picture format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OutputFormat {
    /// Portable Network Graphics, with alpha.
    Png,
    /// JPEG; no alpha, flattened on the background or white.
    Jpeg,
    /// WebP: lossy colour with lossless alpha. The default.
    #[default]
    WebP,
    /// Windows bitmap; no alpha, flattened on the background or white.
    Bmp,
}

impl OutputFormat {
    /// The media type of the format, such as `image/webp`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
        }
    }

    /// The usual file extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
        }
    }

    /// Whether a picture in this format keeps its transparency.
    #[must_use]
    pub fn keeps_alpha(self) -> bool {
        matches!(self, Self::Png | Self::WebP)
    }

    /// Name used in error texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
        }
    }
}

/// Tells the format from the first bytes of a file, or `None` when it is none of ours.
///
/// Sixteen bytes are enough; fewer never panic.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<InputFormat> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(InputFormat::Png);
    }
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(InputFormat::Jpeg);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(InputFormat::WebP);
    }
    if bytes.starts_with(b"BM") && bytes.len() >= 18 {
        return Some(InputFormat::Bmp);
    }
    None
}
