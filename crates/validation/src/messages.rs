//! Every message of the contract, byte for byte.
//!
//! Programs compare these texts, so they change only with the contract. A raw
//! value is echoed as the client sent it and cut at [`ECHO_LIMIT`] characters.

use crate::{Dimensions, Field, number};

/// How many characters (not bytes) of a raw value a message repeats.
const ECHO_LIMIT: usize = 100;

/// A fault in a `POST /rmbg` request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Message {
    /// The form has no picture at all.
    #[error("No image file provided. Please include an 'image' field in your form data.")]
    NoImage,
    /// A form was sent before a file was chosen.
    #[error("No file selected. Please choose an image file to upload.")]
    NoFileSelected,
    /// The file name ends in something that is no picture; holds `.exe`.
    #[error(
        "File type '{}' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
        echo(_0)
    )]
    UnsupportedExtension(String),
    /// Not a picture by signature, or one that does not decode.
    #[error("File does not appear to be a valid image (invalid file signature)")]
    InvalidImage,
    /// A file without content.
    #[error("Uploaded file is empty (0 bytes).")]
    EmptyFile,
    /// A file above the size limit.
    #[error(
        "File size ({} MB) exceeds the maximum allowed size of {} MB.",
        number::megabytes(*bytes), number::whole_megabytes(*limit)
    )]
    FileTooLarge {
        /// The true size of the file, in bytes.
        bytes: u64,
        /// The largest size accepted, in bytes.
        limit: u64,
    },
    /// A picture wider than allowed, as uploaded or once rotated.
    #[error("Image width ({width}px) exceeds the maximum allowed width of {limit}px.")]
    TooWide {
        /// Width in pixels.
        width: u32,
        /// The largest width accepted, in pixels.
        limit: u32,
    },
    /// A picture taller than allowed, as uploaded or once rotated.
    #[error("Image height ({height}px) exceeds the maximum allowed height of {limit}px.")]
    TooTall {
        /// Height in pixels.
        height: u32,
        /// The largest height accepted, in pixels.
        limit: u32,
    },
    /// `w` or `h` is no integer.
    #[error("'{field}' must be an integer, got: '{}'", echo(raw))]
    NotAnInteger {
        /// The field at fault.
        field: Field,
        /// What the client sent.
        raw: String,
    },
    /// `w` or `h` is below 1; 0 means unset and is no fault.
    #[error("'{field}' must be at least 1, got: {}", echo(value))]
    BelowMinimum {
        /// The field at fault.
        field: Field,
        /// The integer in plain decimal, of any length.
        value: String,
    },
    /// `w` or `h` is above 10000.
    #[error("'{field}' must be at most 10000, got: {}", echo(value))]
    AboveMaximum {
        /// The field at fault.
        field: Field,
        /// The integer in plain decimal, of any length.
        value: String,
    },
    /// `angle` is no finite number.
    #[error("'angle' must be a number, got: '{}'", echo(_0))]
    AngleNotANumber(String),
    /// `angle` is outside ±360 degrees.
    #[error(
        "'angle' must be between -360 and 360 degrees, got: {}",
        number::float_text(*_0)
    )]
    AngleOutOfRange(f64),
    /// A boolean field holds something else.
    #[error("'{field}' must be true or false, got: '{}'", echo(raw))]
    NotABoolean {
        /// The field at fault.
        field: Field,
        /// What the client sent.
        raw: String,
    },
    /// An output format outside the list.
    #[error("Invalid format '{}'. Allowed formats: PNG, JPEG, WEBP, BMP", echo(_0))]
    InvalidFormat(String),
    /// A colour that is neither hexadecimal nor a CSS name.
    #[error(
        "Invalid color format '{}'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
        echo(_0)
    )]
    InvalidColour(String),
    /// A matte has no background to colour.
    #[error("Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.")]
    MaskWithBackground,
}

impl Message {
    /// The messages for a picture beyond `limit` pixels a side: width first,
    /// both when both are too large.
    pub(crate) fn oversize(picture: Dimensions, limit: u32) -> impl Iterator<Item = Self> {
        let width = picture.width;
        let height = picture.height;
        let wide = (width > limit).then_some(Self::TooWide { width, limit });
        let tall = (height > limit).then_some(Self::TooTall { height, limit });
        wide.into_iter().chain(tall)
    }
}

/// A fault in the parameters of `GET /api/membership-usage`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageMessage {
    /// A number outside its range, or no number.
    #[error("'{name}' must be an integer between {min} and {max}, got: '{}'", echo(raw))]
    OutOfRange {
        /// The parameter at fault.
        name: &'static str,
        /// Smallest value accepted.
        min: i64,
        /// Largest value accepted.
        max: i64,
        /// What the client sent.
        raw: String,
    },
    /// A flag that is neither true nor false.
    #[error("'{name}' must be true or false, got: '{}'", echo(raw))]
    NotABoolean {
        /// The parameter at fault.
        name: &'static str,
        /// What the client sent.
        raw: String,
    },
    /// A billing window and a calendar month exclude each other.
    #[error(
        "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other."
    )]
    PeriodWithMonth,
}

/// Messages that no field causes: who calls, how often, and how we are.
pub mod service {
    /// 401 for a bad, revoked or unknown key.
    pub const INVALID_API_KEY: &str = "invalid api key";
    /// 403 on every image call of an account whose e-mail is not verified.
    pub const EMAIL_NOT_VERIFIED: &str = "Email address not verified – please check your inbox";
    /// 400 when a request carries two identities.
    pub const KEY_AND_TOKEN: &str = "This is a mistake: Cannot use both API key and user token";
    /// 429 above the short-term rate.
    pub const RATE_LIMITED: &str =
        "You're making requests too quickly, Please Upgrade or slow down.";
    /// 429 when an anonymous address has used its day.
    pub const DAILY_LIMIT: &str =
        "You've reached your daily limit. Please sign up for more access.";
    /// 429 when neither included nor prepaid credits are left.
    pub const OUT_OF_CREDITS: &str =
        "You've reached your monthly limit. Consider purchasing more credits.";
    /// 401 for a wrong pair at sign-in; it never tells which half was wrong.
    pub const INVALID_CREDENTIALS: &str = "invalid email or password";
    /// 401 for a user token that is unknown, expired or signed out.
    pub const INVALID_SESSION: &str = "invalid or expired token";
    /// 504 when the deadline passes.
    pub const DEADLINE: &str = "The request took too long. Please try again.";
    /// 503 when a queue is full or no worker answers.
    pub const BUSY: &str = "The service is busy. Please retry shortly.";
    /// 500; the request id is all that goes with it.
    pub const INTERNAL: &str = "Internal server error";
}

/// The first [`ECHO_LIMIT`] characters of `raw`.
fn echo(raw: &str) -> &str {
    match raw.char_indices().nth(ECHO_LIMIT) {
        Some((end, _)) => &raw[..end],
        None => raw,
    }
}
