//! The billing service as a process of its own.
fn main() {}
