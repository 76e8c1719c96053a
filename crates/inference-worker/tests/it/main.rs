//! The worker from outside: jobs in, pictures out, in process and over a socket.

mod eval;
mod fixtures;
mod pull;
mod queue;
mod remote;
mod results;
