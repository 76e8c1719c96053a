//! Counter-clockwise rotation about the centre.

use crate::geometry::{self, Size};
use crate::{rotated_size, turn};

/// A rotation of a picture of a known size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    source: Size,
    target: Size,
    angle: f64,
}

impl Rotation {
    pub(crate) fn new(source: Size, angle: f64, expand: bool) -> Self {
        Self {
            source,
            target: rotated_size(source, angle, expand),
            angle: geometry::normalised(angle),
        }
    }

    pub(crate) fn target(&self) -> Size {
        self.target
    }

    pub(crate) fn apply<const C: usize>(&self, pixels: Vec<u8>) -> Vec<u8> {
        if self.angle == 90.0 && self.target == self.source.transposed() {
            return turn::counter_clockwise::<C>(&pixels, self.source);
        }
        pixels
    }
}
