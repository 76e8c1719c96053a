//! The billing service over each of its backends. Redis and Postgres are
//! started by the tests; without them the tests fail.

mod accounts;
mod charge;
mod counters;
mod crash;
mod limits;
mod property;
mod stripe;
mod support;
mod usage;
