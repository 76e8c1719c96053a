//! Billing windows: Stripe's where it has told one, else the UTC calendar month.

use time::{Date, Month, OffsetDateTime, Time};

use crate::clock::Moment;

const SECONDS_A_DAY: i64 = 86_400;

/// A calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CalendarMonth {
    /// 1 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
}

impl CalendarMonth {
    /// The month that a moment lies in.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        let date = date_of(moment);
        Self { year: date.year(), month: date.month().into() }
    }

    /// A month by numbers; `None` outside year 1–9999 and month 1–12.
    #[must_use]
    pub fn new(year: u32, month: u32) -> Option<Self> {
        let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month))?;
        Some(Self { year, month })
    }

    /// The month as one sortable number, `year × 100 + month`.
    #[must_use]
    pub fn number(self) -> i64 {
        i64::from(self.year) * 100 + i64::from(self.month)
    }

    /// The reverse of [`Self::number`].
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let (year, month) = (u32::try_from(number / 100).ok()?, u32::try_from(number % 100).ok()?);
        Self::new(year, month)
    }

    /// The month as a billing window, first to last second.
    #[must_use]
    pub fn window(self) -> Window {
        let month = Month::try_from(self.month).unwrap_or(Month::January);
        let first = Date::from_calendar_date(self.year, month, 1).unwrap_or(Date::MIN);
        let start = OffsetDateTime::new_utc(first, Time::MIDNIGHT).unix_timestamp();
        let days = i64::from(month.length(self.year));
        Window { start, end: start + days * SECONDS_A_DAY - 1, synced: false }
    }
}

/// The stretch of time that included credits are counted over, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first second; the window's name in the counters.
    pub start: i64,
    /// Its end: the last second of a month, or Stripe's `current_period_end` as
    /// Stripe tells it.
    pub end: i64,
    /// Whether Stripe told it.
    pub synced: bool,
}

/// Seconds from a moment to the next midnight in UTC; at least one.
#[must_use]
pub fn seconds_to_midnight(moment: Moment) -> i64 {
    SECONDS_A_DAY - moment.seconds().rem_euclid(SECONDS_A_DAY)
}

/// The day as one number, `20260131`.
#[must_use]
pub fn day_number(moment: Moment) -> i64 {
    let date = date_of(moment);
    i64::from(date.year()) * 10_000
        + i64::from(u8::from(date.month())) * 100
        + i64::from(date.day())
}

fn date_of(moment: Moment) -> Date {
    OffsetDateTime::from_unix_timestamp(moment.seconds()).map_or(Date::MIN, OffsetDateTime::date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_window() {
        // 2025-03-01T00:00:00Z to 2025-03-31T23:59:59Z.
        let month = CalendarMonth::of(Moment::from_seconds(1_742_000_000));
        assert_eq!(month, CalendarMonth { year: 2025, month: 3 });
        assert_eq!(
            month.window(),
            Window { start: 1_740_787_200, end: 1_743_465_599, synced: false }
        );
        assert_eq!(CalendarMonth::from_number(month.number()), Some(month));
    }

    #[test]
    fn december_runs_into_january() {
        let window = CalendarMonth { year: 2026, month: 12 }.window();
        let after = CalendarMonth::of(Moment::from_seconds(window.end + 1));
        assert_eq!(after, CalendarMonth { year: 2027, month: 1 });
    }

    #[test]
    fn the_last_month_of_all_has_an_end() {
        let window = CalendarMonth { year: 9999, month: 12 }.window();
        assert_eq!((window.start, window.end), (253_399_622_400, 253_402_300_799));
    }

    #[test]
    fn days() {
        let noon = Moment::from_seconds(1_740_787_200 + 43_200);
        assert_eq!(day_number(noon), 20_250_301);
        assert_eq!(seconds_to_midnight(noon), 43_200);
    }
}
