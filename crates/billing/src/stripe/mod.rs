//! Stripe: what it sells for us and what it tells us.
//!
//! Calls to Stripe go through async-stripe. Events are read from their JSON
//! field by field instead of by its typed events: those refuse an event of
//! another API version as a whole, and an event that cannot be read is money
//! that is not booked.

mod client;
mod event;
mod signature;

pub use client::StripeError;
pub(crate) use client::{Buyer, Order, Stripe};
pub use event::{Checkout, Effect, Event, Invoice, MalformedEvent, Payment, Refund, Subscription};
pub use signature::{BadSignature, Signatures};
