//! The subject's own colours where it shares pixels with the background.
//!
//! In hair, fur and soft edges a photo's pixel is a mix of subject and background; put on another
//! background the old one would shine through. Fast multi-level foreground estimation (Germer,
//! Uelwer, Conrad and Harmeling 2020, arXiv 2006.14970) finds both colours of the mix: it minimises
//! `(αF + (1−α)B − I)²` plus a term that keeps F and B smooth where α changes, coarse to fine.
//!
//! Coarse levels are solved whole. From there on only undecided pixels are, in the tiles that have
//! any; a pixel of alpha 255 is its own foreground, one of alpha 0 its own background.

mod pyramid;
mod solver;

use image::GrayImage;

use crate::cutout::check_sizes;
use crate::tiles::TileMap;
use crate::{Cutout, ImagingError, Photo};

/// Estimates the subject's colours wherever the matte is neither 0 nor 255.
///
/// `matte` is what [`crate::refine`] returned for this photo. The photo's pixels are changed in
/// place, only where the matte is undecided; the photo's own transparency is multiplied into the
/// matte afterwards. Besides the photo, memory stays under 100 MB whatever its size.
///
/// # Errors
/// [`ImagingError::MismatchedSize`] when photo and matte differ in size.
pub fn estimate_foreground(mut photo: Photo, matte: GrayImage) -> Result<Cutout, ImagingError> {
    check_sizes(&photo, &matte)?;
    let tiles = TileMap::of(&matte);
    if !tiles.is_empty() {
        let coarse = pyramid::solve(&photo.colour, &matte, &tiles);
        pyramid::finish(&mut photo.colour, &matte, &tiles, &coarse);
    }
    Cutout::from_matte(photo, matte)
}
