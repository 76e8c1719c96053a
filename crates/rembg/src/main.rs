//! The `rembg` command.
fn main() {}
