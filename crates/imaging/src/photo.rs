//! A decoded photo: upright, in sRGB, eight bits a channel.

use image::imageops::crop_imm;
use image::{GrayImage, RgbImage};

use crate::{Region, Size};

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

    /// A copy of a part of it, as much as there is.
    #[must_use]
    pub fn part(&self, region: Region) -> Self {
        let Region { left, top, size } = region;
        let colour = crop_imm(&self.colour, left, top, size.width, size.height).to_image();
        let alpha = self.alpha.as_ref();
        let alpha = alpha.map(|a| crop_imm(a, left, top, size.width, size.height).to_image());
        Self { colour, alpha }
    }
}
