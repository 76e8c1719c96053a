//! A decoded photo: upright, in sRGB, eight bits a channel.

use image::{GrayImage, RgbImage};

use crate::Size;

/// A photo ready for work: EXIF orientation applied, colours in sRGB.
///
/// Colour and alpha are kept in planes of their own because most photos have no alpha, the network
/// and the foreground step read colour only, and the matte is one plane too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Interleaved RGB, 0…255, not multiplied by alpha.
    pub colour: RgbImage,
    /// The file's own transparency, 0 = transparent, 255 = opaque; `None` when fully opaque.
    /// Always of the same size as `colour`.
    pub alpha: Option<GrayImage>,
}

impl Photo {
    /// An opaque photo.
    #[must_use]
    pub fn opaque(colour: RgbImage) -> Self {
        Self { colour, alpha: None }
    }

    /// Width and height in pixels, after orientation.
    #[must_use]
    pub fn size(&self) -> Size {
        Size::new(self.colour.width(), self.colour.height())
    }
}
