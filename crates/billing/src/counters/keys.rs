//! The names of the counters in Redis. Those that begin with `users:` are part
//! of the contract, other tools read them; what stands under `rembg:` is ours.

use crate::{
    identity::{AccountId, OperationId},
    window::CalendarMonth,
};

/// Stands while every account has been loaded since Redis was emptied.
pub(super) const FILLED: &str = "rembg:filled";

/// The account's hash.
pub(super) fn user(account: AccountId) -> String {
    format!("users:{account}")
}

/// Usage of a calendar month; the month has no leading zero.
pub(super) fn month(account: AccountId, kind: &str, month: CalendarMonth) -> String {
    format!("users:{account}:{kind}_usage:{}:{}", month.year, month.month)
}

/// Usage of a window.
pub(super) fn cycle(account: AccountId, kind: &str, start: i64) -> String {
    format!("users:{account}:{kind}_usage:cycle:{start}")
}

/// The windows with usage, scored by their end.
pub(super) fn cycles(account: AccountId) -> String {
    format!("rembg:windows:{account}")
}

/// Versions applied beyond a gap.
pub(super) fn ahead(account: AccountId) -> String {
    format!("rembg:ahead:{account}")
}

/// The arrival time of a short-term limit.
pub(super) fn rate(name: &str) -> String {
    format!("rembg:rate:{name}")
}

/// The limits' answer to an operation.
pub(super) fn answer(operation: &OperationId) -> String {
    format!("rembg:answer:{operation}")
}

/// Anonymous pictures of a day.
pub(super) fn day(name: &str, day: i64) -> String {
    format!("rembg:anonymous:day:{day}:{name}")
}

/// The day's count that an anonymous operation was added to.
pub(super) fn anonymous(operation: &OperationId) -> String {
    format!("rembg:anonymous:operation:{operation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_contract() {
        let id = "0197a5a0-0000-7000-8000-000000000001";
        let account: AccountId = id.parse().expect("an id");
        let march = CalendarMonth { year: 2025, month: 3 };
        for (name, expected) in [
            (user(account), format!("users:{id}")),
            (month(account, "app", march), format!("users:{id}:app_usage:2025:3")),
            (month(account, "api", march), format!("users:{id}:api_usage:2025:3")),
            (
                cycle(account, "app", 1_740_441_600),
                format!("users:{id}:app_usage:cycle:1740441600"),
            ),
            (
                cycle(account, "api", 1_740_441_600),
                format!("users:{id}:api_usage:cycle:1740441600"),
            ),
        ] {
            assert_eq!(name, expected);
        }
    }
}
