//! The typed options of a request. Each type can only hold what the contract
//! allows, and each can be read from text, so a command line shares the rules
//! and the messages.

use std::str::FromStr;

use serde::Serialize;

use crate::number::{self, Integer};
use crate::{Colour, Field, Message};

/// A side in pixels, 1…10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Pixels(u32);

impl Pixels {
    /// The longest side that may be asked for.
    pub const MAX: u32 = 10_000;

    /// The number of pixels.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads the value of `field` (`w` or `h`); 0 means unset.
    pub(crate) fn parse(field: Field, raw: &str) -> Result<Option<Self>, Message> {
        let integer = Integer::parse(raw)
            .ok_or_else(|| Message::NotAnInteger { field, raw: raw.to_owned() })?;
        let value = integer.to_string();
        match integer.to_i64() {
            Ok(0) => Ok(None),
            Ok(..0) | Err(std::cmp::Ordering::Less) => Err(Message::BelowMinimum { field, value }),
            Ok(pixels) => u32::try_from(pixels)
                .ok()
                .filter(|&pixels| pixels <= Self::MAX)
                .map(|pixels| Some(Self(pixels)))
                .ok_or(Message::AboveMaximum { field, value }),
            Err(_) => Err(Message::AboveMaximum { field, value }),
        }
    }
}

/// A rotation in degrees, counter-clockwise, −360…360.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize)]
pub struct Angle(f64);

impl Angle {
    /// The angle in degrees.
    #[must_use]
    pub const fn degrees(self) -> f64 {
        self.0
    }
}

impl FromStr for Angle {
    type Err = Message;

    fn from_str(raw: &str) -> Result<Self, Message> {
        let degrees =
            number::parse_float(raw).ok_or_else(|| Message::AngleNotANumber(raw.to_owned()))?;
        if degrees.abs() > 360.0 {
            return Err(Message::AngleOutOfRange(degrees));
        }
        // Adding zero turns -0.0 into 0.0, so that equal angles look equal.
        Ok(Self(degrees + 0.0))
    }
}

/// The file format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// Lossy with alpha.
    #[default]
    Webp,
    /// Lossless with alpha.
    Png,
    /// Lossy, opaque.
    Jpeg,
    /// Uncompressed, opaque.
    Bmp,
}

impl OutputFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Webp, Self::Png, Self::Jpeg, Self::Bmp];

    /// The lower-case name: `webp`, `png`, `jpeg`, `bmp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Bmp => "bmp",
        }
    }

    /// The media type of the answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Webp => "image/webp",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Bmp => "image/bmp",
        }
    }
}

impl std::fmt::Display for OutputFormat {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = Message;

    fn from_str(raw: &str) -> Result<Self, Message> {
        let name = raw.trim();
        let name = if name.eq_ignore_ascii_case("jpg") { "jpeg" } else { name };
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| Message::InvalidFormat(raw.to_owned()))
    }
}

/// What a client asks for. The serialised form is canonical: two requests
/// that mean the same have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Options {
    /// File format of the answer.
    pub format: OutputFormat,
    /// Width to fit, if any.
    pub width: Option<Pixels>,
    /// Height to fit, if any.
    pub height: Option<Pixels>,
    /// With both sides given: exactly that size, even if it distorts.
    pub exact_resize: bool,
    /// The matte alone instead of the cut-out.
    pub mask: bool,
    /// A background under the cut-out. Never set together with `mask`.
    pub background: Option<Colour>,
    /// Rotation after the background is removed.
    pub angle: Angle,
    /// Whether the canvas grows so that the rotation crops nothing.
    pub expand: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: OutputFormat::default(),
            width: None,
            height: None,
            exact_resize: false,
            mask: false,
            background: None,
            angle: Angle::default(),
            expand: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let cases = [
            ("png", OutputFormat::Png),
            ("PNG", OutputFormat::Png),
            ("Jpg", OutputFormat::Jpeg),
            ("JPEG", OutputFormat::Jpeg),
            (" WebP ", OutputFormat::Webp),
            ("bmp", OutputFormat::Bmp),
        ];
        for (raw, expected) in cases {
            assert_eq!(raw.parse(), Ok(expected), "{raw:?}");
        }
        for raw in ["gif", "GIF", ".png", "image/png", "p n g", "tiff"] {
            let expected = Message::InvalidFormat(raw.to_owned());
            assert_eq!(raw.parse::<OutputFormat>(), Err(expected));
        }
    }

    #[test]
    fn angles() {
        let cases = [
            ("0", 0.0),
            ("-0", 0.0),
            ("360", 360.0),
            ("-360", -360.0),
            ("12.5", 12.5),
            ("3e2", 300.0),
        ];
        for (raw, expected) in cases {
            let angle: Angle = raw.parse().expect(raw);
            assert_eq!(angle.degrees().to_bits(), f64::to_bits(expected), "{raw}");
        }
    }
}
