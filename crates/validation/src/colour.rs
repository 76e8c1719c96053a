//! Background colours: hexadecimal or a CSS name.

use std::str::FromStr;

use serde::Serialize;

use crate::Message;

/// A colour in sRGB with straight alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Colour {
    /// Red, 0…255.
    pub red: u8,
    /// Green, 0…255.
    pub green: u8,
    /// Blue, 0…255.
    pub blue: u8,
    /// Opacity: 255 is opaque.
    pub alpha: u8,
}

impl Colour {
    /// `transparent`, the one CSS name that has no opaque colour.
    const TRANSPARENT: Self = Self::rgba([0, 0, 0, 0]);

    const fn rgba([red, green, blue, alpha]: [u8; 4]) -> Self {
        Self { red, green, blue, alpha }
    }

    /// `RGB`, `RGBA`, `RRGGBB` or `RRGGBBAA`, without the `#`.
    fn from_hex(text: &str) -> Option<Self> {
        let nibbles: Vec<u8> = text.chars().map(hex_digit).collect::<Option<_>>()?;
        let [red, green, blue, alpha] = match *nibbles.as_slice() {
            [r, g, b] => [r * 17, g * 17, b * 17, 255],
            [r, g, b, a] => [r * 17, g * 17, b * 17, a * 17],
            [r, rr, g, gg, b, bb] => [r << 4 | rr, g << 4 | gg, b << 4 | bb, 255],
            [r, rr, g, gg, b, bb, a, aa] => [r << 4 | rr, g << 4 | gg, b << 4 | bb, a << 4 | aa],
            _ => return None,
        };
        Some(Self::rgba([red, green, blue, alpha]))
    }

    /// A name of CSS Color 4, in any letter case. The table is looked up
    /// directly because the parser beside it would also take `rgb()`, `hsl()`
    /// and the like, which the contract does not.
    fn from_name(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("transparent") {
            return Some(Self::TRANSPARENT);
        }
        csscolorparser::NAMED_COLORS
            .get(text.into())
            .map(|&[red, green, blue]| Self::rgba([red, green, blue, 255]))
    }
}

impl FromStr for Colour {
    type Err = Message;

    fn from_str(raw: &str) -> Result<Self, Message> {
        let text = raw.trim();
        let colour = match text.strip_prefix('#') {
            Some(hex) => Self::from_hex(hex),
            None => Self::from_hex(text).or_else(|| Self::from_name(text)),
        };
        colour.ok_or_else(|| Message::InvalidColour(raw.to_owned()))
    }
}

fn hex_digit(character: char) -> Option<u8> {
    character.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_spellings() {
        let cases: &[(&str, [u8; 4])] = &[
            ("#fff", [255, 255, 255, 255]),
            ("fff", [255, 255, 255, 255]),
            ("#F00", [255, 0, 0, 255]),
            ("#f008", [255, 0, 0, 136]),
            ("f008", [255, 0, 0, 136]),
            ("#102030", [16, 32, 48, 255]),
            ("102030", [16, 32, 48, 255]),
            ("#10203040", [16, 32, 48, 64]),
            ("10203040", [16, 32, 48, 64]),
            (" #AbCdEf ", [171, 205, 239, 255]),
            ("blue", [0, 0, 255, 255]),
            ("BLUE", [0, 0, 255, 255]),
            ("RebeccaPurple", [102, 51, 153, 255]),
            ("grey", [128, 128, 128, 255]),
            ("transparent", [0, 0, 0, 0]),
        ];
        for (raw, expected) in cases {
            assert_eq!(raw.parse(), Ok(Colour::rgba(*expected)), "{raw:?}");
        }
    }

    #[test]
    fn refused_spellings_are_echoed_as_sent() {
        let cases = [
            "#",
            "#1",
            "#12",
            "#12345",
            "12345",
            "#1234567",
            "#123456789",
            "#ggg",
            "##fff",
            "#blue",
            "rgb(1,2,3)",
            "hsl(0 0% 0%)",
            "currentcolor",
            "none",
            "-fff",
            "+fff",
            "#é12",
            "0xffffff",
            "blue;",
            " nope ",
        ];
        for raw in cases {
            let expected = Message::InvalidColour(raw.to_owned());
            assert_eq!(raw.parse::<Colour>(), Err(expected), "{raw:?}");
        }
    }
}
