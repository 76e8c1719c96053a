//! The request contract: raw fields become typed options, and every message a
//! client can read is written here and nowhere else.
//!
//! A request arrives as loose text, whether from a multipart form, a
//! urlencoded body, JSON or a command line. [`RawFields`] holds that text and
//! [`parse`] turns it, together with what is known of the picture
//! ([`ImageFacts`]), into [`Options`] whose types carry the rules: an
//! [`Angle`] is always within ±360, [`Pixels`] within 1…10000. Code behind
//! this crate never checks a value again.
//!
//! All faults of a request are found in one pass and come back together as a
//! [`Rejection`], in the order that the contract promises. The crate does no
//! I/O and knows nothing of HTTP.

mod colour;
mod fields;
mod file;
mod json;
mod messages;
mod number;
mod options;
mod rejection;
mod request;
mod usage;

pub use colour::Colour;
pub use fields::{Field, RawFields};
pub use file::{ALLOWED_EXTENSIONS, Dimensions, ImageFacts, Limits};
pub use json::{JsonRequest, NotAnObject};
pub use messages::{Message, UsageMessage, service};
pub use options::{Angle, Options, OutputFormat, Pixels};
pub use rejection::{FieldError, Rejection};
pub use request::{OutputSizes, parse, parse_options};
pub use usage::{UsageQuery, UsageScope};
