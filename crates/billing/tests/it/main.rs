//! The billing service over each of its backends.

mod charge;
mod support;
