//! Who is calling, what it costs, and the accounts behind it.
//!
//! The SQL ledger ([`store`]) is the truth about money; the counters
//! ([`counters`]) follow it and hold the short-term limits. [`BillingService`]
//! is the service that the gateway reaches through `proto::BillingHandle`;
//! [`admin`] is what the command line does.

#![allow(clippy::duplicate_mod, reason = "store/sql is compiled once for each database")]

pub mod admin;
mod build;
pub mod clock;
pub mod config;
pub mod counters;
pub mod identity;
mod mail;
mod password;
pub mod plans;
pub mod secret;
mod service;
pub mod store;
pub mod stripe;
pub mod window;

pub use build::BuildError;
pub use config::BillingConfig;
pub use mail::MailError;
pub use password::PasswordError;
pub use service::{BillingService, Rebuilt};
