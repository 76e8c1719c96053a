//! Reading and printing numbers as the reference service does, which follows
//! Python's `int(text)` and `float(text)`: surrounding white space, a sign and
//! leading zeros are fine, integers have any length, `5.0` and `1e3` are no
//! integers. Underscores and digits of other scripts, which Python also takes,
//! are refused: no client means them.

use std::cmp::Ordering;

/// An integer of any length, kept in plain decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Integer {
    negative: bool,
    /// No leading zeros; empty for zero.
    digits: String,
}

impl Integer {
    /// Reads `text`, or `None` when it is no integer.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = unsigned.trim_start_matches('0').to_owned();
        let negative = text.starts_with('-') && !digits.is_empty();
        Some(Self { negative, digits })
    }

    /// The value when it fits in an `i64`, else which side it lies beyond.
    pub(crate) fn to_i64(&self) -> Result<i64, Ordering> {
        let beyond = if self.negative { Ordering::Less } else { Ordering::Greater };
        if self.digits.is_empty() {
            return Ok(0);
        }
        let magnitude: i64 = self.digits.parse().map_err(|_| beyond)?;
        Ok(if self.negative { -magnitude } else { magnitude })
    }
}

impl std::fmt::Display for Integer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        write!(out, "{sign}{digits}")
    }
}

/// Reads a finite number, or `None`: NaN and the infinities are not numbers
/// here, nor is a literal so large that it overflows to one.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let value: f64 = text.trim().parse().ok()?;
    value.is_finite().then_some(value)
}

/// A float with at least one decimal (`500.0`), and from 1e16 on in the
/// exponent form that Python prints (`1e+16`).
pub(crate) fn float_text(value: f64) -> String {
    if value.abs() < 1e16 { format!("{value:?}") } else { format!("{value:e}").replace('e', "e+") }
}

/// Reads a boolean in any letter case, or `None`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Bytes as megabytes with one decimal: `55.2`.
#[expect(clippy::cast_precision_loss, reason = "one decimal of a size far below 2^53")]
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MEGABYTE)
}

/// A limit in megabytes, without decimals when it is a whole number of them.
pub(crate) fn whole_megabytes(bytes: u64) -> String {
    megabytes(bytes).trim_end_matches(".0").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_read_like_python() {
        let cases: &[(&str, Option<&str>)] = &[
            ("5", Some("5")),
            (" 5\n", Some("5")),
            ("+5", Some("5")),
            ("-5", Some("-5")),
            ("007", Some("7")),
            ("-0", Some("0")),
            ("000", Some("0")),
            ("99999999999999999999", Some("99999999999999999999")),
            ("", None),
            ("   ", None),
            ("+", None),
            ("--5", None),
            ("- 5", None),
            ("5.0", None),
            ("1e3", None),
            ("0x10", None),
            ("1_000", None),
            ("1,000", None),
            ("५", None),
            ("５", None),
            ("inf", None),
            ("nan", None),
            ("5px", None),
        ];
        for (text, expected) in cases {
            let read = Integer::parse(text).map(|value| value.to_string());
            assert_eq!(read.as_deref(), *expected, "{text:?}");
        }
    }

    #[test]
    fn integers_beyond_64_bits_keep_their_side() {
        let to_i64 = |text| Integer::parse(text).expect("an integer").to_i64();
        assert_eq!(to_i64("-0"), Ok(0));
        assert_eq!(to_i64("-12"), Ok(-12));
        assert_eq!(to_i64("99999999999999999999"), Err(Ordering::Greater));
        assert_eq!(to_i64("-99999999999999999999"), Err(Ordering::Less));
    }

    #[test]
    fn floats_read_like_python() {
        let cases: &[(&str, Option<f64>)] = &[
            ("90", Some(90.0)),
            (" -45.5 ", Some(-45.5)),
            ("+.5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e2", Some(100.0)),
            ("1E2", Some(100.0)),
            ("-0", Some(-0.0)),
            ("nan", None),
            ("NaN", None),
            ("inf", None),
            ("-Infinity", None),
            ("1e999", None),
            ("ninety", None),
            ("45deg", None),
            ("1,5", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_float(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn floats_print_like_python() {
        let cases = [
            (500.0, "500.0"),
            (-360.5, "-360.5"),
            (1000.0, "1000.0"),
            (360.000_000_1, "360.0000001"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-1.5e300, "-1.5e+300"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn sizes_print_in_megabytes() {
        assert_eq!(megabytes(57_881_395), "55.2");
        assert_eq!(megabytes(50 * 1024 * 1024 + 1), "50.0");
        assert_eq!(whole_megabytes(50 * 1024 * 1024), "50");
        assert_eq!(whole_megabytes(1024 * 1024 + 512 * 1024), "1.5");
        assert_eq!(whole_megabytes(10 * 1024 * 1024), "10");
    }
}
