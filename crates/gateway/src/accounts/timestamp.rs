//! Moments as clients read them.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Seconds of the Unix epoch as RFC 3339 in UTC, or an empty text for a moment
/// that no calendar has.
pub(super) fn rfc3339(unix: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(unix).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_740_441_600), "2025-02-25T00:00:00Z");
        assert_eq!(rfc3339(i64::MAX), "");
    }
}
