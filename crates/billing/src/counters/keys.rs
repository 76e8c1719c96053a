//! The names of the counters in Redis. Those under `users:{uid}` are part of
//! the contract, other tools read them; the rest is ours.

use crate::{identity::AccountId, window::CalendarMonth};

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
    format!("users:{account}:cycles")
}

/// Versions applied beyond a gap.
pub(super) fn ahead(account: AccountId) -> String {
    format!("users:{account}:ahead")
}
