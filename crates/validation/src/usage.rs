//! The parameters of `GET /api/membership-usage`.

use std::ops::RangeInclusive;

use time::OffsetDateTime;

use crate::number::{Integer, parse_bool};
use crate::{FieldError, Rejection, UsageMessage};

/// Which counters stand at the top of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageScope {
    /// One calendar month in UTC.
    Month {
        /// 1…9999.
        year: u16,
        /// 1…12.
        month: u8,
    },
    /// The billing window that starts at this second of the Unix epoch.
    Window {
        /// Its first second.
        start: i64,
    },
}

/// What a usage request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageQuery {
    /// Only the list of billing windows.
    Windows,
    /// The counters of one scope.
    Usage {
        /// Month or window.
        scope: UsageScope,
        /// Whether the current billing cycle is added.
        with_billing_cycle: bool,
    },
}

const YEAR: &str = "year";
const MONTH: &str = "month";
const PERIOD: &str = "periodStartUnix";
const EXPAND: &str = "expand";
const INCLUDE: &str = "includeBillingCycle";
const LIST: &str = "listBillingCycles";

/// The largest second that a window may start at: the end of year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

impl UsageQuery {
    /// Reads decoded query parameters, `now` giving the defaults. Unknown ones
    /// are ignored, empty ones count as absent, of repeated ones the first
    /// counts.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with every fault, in the order year, month,
    /// periodStartUnix, includeBillingCycle, listBillingCycles, then conflicts.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        parameters: &[(N, V)],
        now: OffsetDateTime,
    ) -> Result<Self, Rejection> {
        let parameters = Parameters::new(parameters);
        let list = parameters.flag(LIST);
        // The list ignores everything else, faults included.
        if list == Ok(true) {
            return Ok(Self::Windows);
        }
        let mut faults = Vec::new();
        let year = sound(YEAR, parameters.integer(YEAR, 1..=9999), &mut faults);
        let month = sound(MONTH, parameters.integer(MONTH, 1..=12), &mut faults);
        let period = sound(PERIOD, parameters.integer(PERIOD, 0..=LAST_SECOND), &mut faults);
        let included = sound(INCLUDE, parameters.flag(INCLUDE), &mut faults);
        sound(LIST, list, &mut faults);
        let scope = match (period, year, month) {
            (Some(start), None, None) => UsageScope::Window { start },
            (period, year, month) => {
                if period.is_some() {
                    faults.push(FieldError::new(PERIOD, &UsageMessage::PeriodWithMonth));
                }
                month_scope(year, month, now)
            }
        };
        let with_billing_cycle = included || parameters.expands("billing_cycle");
        Rejection::unless_faulty(Self::Usage { scope, with_billing_cycle }, faults)
    }
}

/// The value, or its default after noting what is wrong with it.
fn sound<T: Default>(
    name: &'static str,
    read: Result<T, UsageMessage>,
    faults: &mut Vec<FieldError>,
) -> T {
    read.unwrap_or_else(|message| {
        faults.push(FieldError::new(name, &message));
        T::default()
    })
}

fn month_scope(year: Option<i64>, month: Option<i64>, now: OffsetDateTime) -> UsageScope {
    let year = year.and_then(|year| u16::try_from(year).ok());
    let month = month.and_then(|month| u8::try_from(month).ok());
    UsageScope::Month {
        year: year.unwrap_or_else(|| u16::try_from(now.year()).unwrap_or(1)),
        month: month.unwrap_or_else(|| now.month().into()),
    }
}

/// Typed access to parameters by name.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    fn new<N: AsRef<str>, V: AsRef<str>>(pairs: &'a [(N, V)]) -> Self {
        let borrow = |(name, value): &'a (N, V)| (name.as_ref(), value.as_ref());
        Self(pairs.iter().map(borrow).collect())
    }

    /// The first value called `name`, unless it is blank.
    fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(key, _)| *key == name)?;
        (!value.trim().is_empty()).then_some(value)
    }

    fn integer(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, UsageMessage> {
        let Some(raw) = self.get(name) else {
            return Ok(None);
        };
        Integer::parse(raw)
            .and_then(|integer| integer.to_i64().ok())
            .filter(|value| range.contains(value))
            .map(Some)
            .ok_or_else(|| UsageMessage::OutOfRange {
                name,
                min: *range.start(),
                max: *range.end(),
                raw: raw.to_owned(),
            })
    }

    fn flag(&self, name: &'static str) -> Result<bool, UsageMessage> {
        let Some(raw) = self.get(name) else {
            return Ok(false);
        };
        parse_bool(raw).ok_or_else(|| UsageMessage::NotABoolean { name, raw: raw.to_owned() })
    }

    /// Whether the comma-separated `expand` names `flag`; others are ignored.
    fn expands(&self, flag: &str) -> bool {
        self.get(EXPAND).is_some_and(|flags| flags.split(',').any(|name| name.trim() == flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-03-09 12:00 UTC);

    fn parse(parameters: &[(&str, &str)]) -> Result<UsageQuery, String> {
        UsageQuery::parse(parameters, NOW).map_err(|rejection| rejection.message())
    }

    fn usage(scope: UsageScope, with_billing_cycle: bool) -> Result<UsageQuery, String> {
        Ok(UsageQuery::Usage { scope, with_billing_cycle })
    }

    fn month(year: u16, month: u8) -> UsageScope {
        UsageScope::Month { year, month }
    }

    #[test]
    fn accepted() {
        let window = UsageScope::Window { start: 1_740_441_600 };
        let this_month = month(2026, 3);
        assert_eq!(parse(&[]), usage(this_month, false));
        assert_eq!(parse(&[("year", "2024")]), usage(month(2024, 3), false));
        assert_eq!(parse(&[("month", "07")]), usage(month(2026, 7), false));
        assert_eq!(parse(&[("year", "1"), ("month", "12")]), usage(month(1, 12), false));
        assert_eq!(parse(&[("year", ""), ("month", " ")]), usage(this_month, false));
        assert_eq!(parse(&[("periodStartUnix", "1740441600")]), usage(window, false));
        assert_eq!(parse(&[("expand", "billing_cycle")]), usage(this_month, true));
        assert_eq!(parse(&[("expand", "x, billing_cycle ,y")]), usage(this_month, true));
        assert_eq!(parse(&[("expand", "other")]), usage(this_month, false));
        for yes in ["1", "true", "TRUE"] {
            assert_eq!(parse(&[("includeBillingCycle", yes)]), usage(this_month, true));
        }
        assert_eq!(parse(&[("includeBillingCycle", "0")]), usage(this_month, false));
    }

    #[test]
    fn the_list_ignores_the_rest() {
        let parameters = [("listBillingCycles", "1"), ("year", "x"), ("periodStartUnix", "-")];
        assert_eq!(parse(&parameters), Ok(UsageQuery::Windows));
        assert_eq!(parse(&[("listBillingCycles", "false")]), usage(month(2026, 3), false));
    }

    #[test]
    fn refused() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("year", "0")], "'year' must be an integer between 1 and 9999, got: '0'"),
            (&[("year", "10000")], "'year' must be an integer between 1 and 9999, got: '10000'"),
            (&[("year", "abc")], "'year' must be an integer between 1 and 9999, got: 'abc'"),
            (&[("month", "13")], "'month' must be an integer between 1 and 12, got: '13'"),
            (&[("month", "0")], "'month' must be an integer between 1 and 12, got: '0'"),
            (&[("month", "1.5")], "'month' must be an integer between 1 and 12, got: '1.5'"),
            (
                &[("periodStartUnix", "-1")],
                "'periodStartUnix' must be an integer between 0 and 253402300799, got: '-1'",
            ),
            (
                &[("periodStartUnix", "5"), ("month", "3")],
                "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
            ),
            (
                &[("periodStartUnix", "5"), ("year", "2026")],
                "Cannot use 'periodStartUnix' together with 'year' or 'month'. Choose one or the other.",
            ),
            (
                &[("includeBillingCycle", "maybe")],
                "'includeBillingCycle' must be true or false, got: 'maybe'",
            ),
            (&[("listBillingCycles", "2")], "'listBillingCycles' must be true or false, got: '2'"),
        ];
        for (parameters, message) in cases {
            assert_eq!(parse(parameters), Err((*message).to_owned()));
        }
    }

    #[test]
    fn several_faults_come_together_in_order() {
        let parameters = [
            ("includeBillingCycle", "x"),
            ("month", "99"),
            ("periodStartUnix", "5"),
            ("year", "abc"),
            ("listBillingCycles", "2"),
        ];
        let rejection = UsageQuery::parse(&parameters, NOW).expect_err("faulty");
        assert_eq!(rejection.message(), "Multiple validation errors");
        let fields: Vec<_> =
            rejection.details().expect("several").iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["year", "month", "includeBillingCycle", "listBillingCycles"]);
        let conflict = [("periodStartUnix", "5"), ("year", "2026"), ("month", "0")];
        let rejection = UsageQuery::parse(&conflict, NOW).expect_err("faulty");
        let fields: Vec<_> =
            rejection.details().expect("several").iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["month", "periodStartUnix"]);
    }
}
