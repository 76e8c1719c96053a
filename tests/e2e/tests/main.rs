//! The contract over real sockets, and what must hold around it.
//!
//! Tests of the contract run against every deployment: one process, three, and
//! three with Postgres and Redis. A client cannot tell which one answers.

mod accounts;
mod charges;
mod command;
mod damage;
mod disconnect;
mod expect;
mod identity;
mod load;
mod rmbg_errors;
mod rmbg_options;
mod sameness;
mod secrecy;
mod service;
mod shutdown;
mod usage;
