//! The billing service over each of its backends. Redis and Postgres are
//! started by the tests; without them the tests fail.

mod charge;
mod counters;
mod limits;
mod property;
mod support;
mod usage;
