//! Decode, orient, colour, resize, matte, foreground, compose and encode: pure pixel work.
//!
//! Everything is synchronous and single-threaded, allocates nothing that outlives a call, and gives
//! the same bytes for the same input. The stages are separate functions, so that a caller can time
//! each and stop between them:
//!
//! ```no_run
//! use imaging::*;
//! # fn run(bytes: &[u8], spec: &InputSpec, network: impl Fn(Vec<f32>) -> Vec<f32>)
//! # -> Result<Vec<u8>, ImagingError> {
//! let photo = decode(bytes, &DecodeLimits::default())?;
//! let values = network(network_input(&photo, spec)?);
//! let matte = Matte::new(values, spec.size.width, spec.size.height)?;
//! let alpha = refine(&photo, &matte)?;
//! let cutout = estimate_foreground(photo, alpha)?;
//! let rendered = render(cutout, &RenderOptions::default())?;
//! encode(rendered)
//! # }
//! ```
//!
//! The largest picture, 10000 × 10000, peaks below 1 GB from decoding to encoding, whatever the
//! formats and options: about ten bytes a pixel.
//!
//! Of a subject that fills little of the photo, [`SecondLook`] finds the [`Region`], [`Photo::part`]
//! cuts it out for another look, and [`merged`] puts both mattes together.
//!
//! For a mask, [`Cutout::from_matte`] takes the place of [`estimate_foreground`]: colours are not
//! needed. Sizes can be computed and refused early with [`probe`] and [`RenderOptions::output_size`].

mod bilinear;
mod colour;
mod compose;
mod cutout;
mod decode;
mod encode;
mod error;
mod foreground;
mod format;
mod geometry;
mod jpeg_segments;
pub mod limits;
mod matte;
mod network;
mod photo;
mod probe;
mod refine;
mod render;
mod resize;
mod rotate;
mod second_look;
mod tiles;
mod turn;

pub use cutout::Cutout;
pub use decode::decode;
pub use encode::encode;
pub use error::ImagingError;
pub use foreground::estimate_foreground;
pub use format::{InputFormat, OutputFormat, sniff};
pub use geometry::{Size, fit_size, rotated_size};
pub use limits::DecodeLimits;
pub use matte::Matte;
pub use network::{InputSpec, Scale, TensorLayout, mirror_input, network_input};
pub use photo::Photo;
pub use probe::{Header, probe};
pub use refine::refine;
pub use render::{RenderOptions, Rendered, render};
pub use resampling::Filter;
pub use second_look::{Region, SecondLook, merged};
