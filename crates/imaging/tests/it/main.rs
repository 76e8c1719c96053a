//! Integration tests: the public stages, on small files kept in `tests/fixtures`.

mod damaged;
mod decode;
mod encode;
mod fixtures;
mod foreground;
mod geometry;
mod network;
mod refine;
mod render;
mod second_look;
