//! The same way of a picture with no server around it: for files on a command
//! line, for measuring a network, and for benchmarks.

use image::GrayImage;
use imaging::RenderOptions;

use crate::{
    error::JobError,
    network::Network,
    stages::{Finished, Passage},
    timing::StageTimings,
};

/// Works on one picture at a time, on the thread that asks. Shared between
/// threads it works on as many pictures as there are threads.
#[derive(Debug)]
pub struct Processor {
    network: Network,
}

impl Processor {
    /// Works with a network.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self { network }
    }

    /// Name and version of the network.
    #[must_use]
    pub fn model(&self) -> &str {
        self.network.label()
    }

    /// File in, file out: the bytes that the service answers for the same file,
    /// options and network.
    ///
    /// # Errors
    /// What is wrong with the picture, or with the network.
    pub fn process(
        &self,
        image: &[u8],
        options: &RenderOptions,
    ) -> Result<(Finished, StageTimings), JobError> {
        let mut passage = Passage::default();
        let decoded = passage.decode(image, &self.network)?;
        let seen = passage.see(&decoded.photo, decoded.input, &self.network)?;
        let cutout = passage.cut_out(decoded.photo, seen, options.mask)?;
        let finished = passage.encode(cutout, options)?;
        Ok((finished, passage.timings))
    }

    /// The matte at the photo's size, as a mask shows it, before the file's own
    /// transparency is taken into account. Without `refine` the network's answer
    /// is enlarged and nothing else.
    ///
    /// # Errors
    /// As [`Self::process`].
    pub fn matte(&self, image: &[u8], refine: bool) -> Result<(GrayImage, StageTimings), JobError> {
        let mut passage = Passage::default();
        let decoded = passage.decode(image, &self.network)?;
        let photo = decoded.photo;
        let seen = passage.see(&photo, decoded.input, &self.network)?;
        let alpha = if refine {
            passage.refine(&photo, seen)?
        } else {
            enlarged(&passage.merge(seen, photo.size())?, photo.colour.dimensions())
        };
        Ok((alpha, passage.timings))
    }
}

/// Bilinear, pixel centres aligned, as networks are trained to be read.
fn enlarged(matte: &imaging::Matte, (width, height): (u32, u32)) -> GrayImage {
    let columns = taps(matte.width(), width);
    let rows = taps(matte.height(), height);
    let at = |x: usize, y: usize| matte.values()[y * matte.width() as usize + x];
    GrayImage::from_fn(width, height, |x, y| {
        let ((x0, x1, right), (y0, y1, down)) = (columns[x as usize], rows[y as usize]);
        let top = at(x0, y0) * (1.0 - right) + at(x1, y0) * right;
        let bottom = at(x0, y1) * (1.0 - right) + at(x1, y1) * right;
        image::Luma([((top * (1.0 - down) + bottom * down) * 255.0 + 0.5) as u8])
    })
}

/// For each of `to` places, the two of `from` around it and the second's weight.
fn taps(from: u32, to: u32) -> Vec<(usize, usize, f32)> {
    let last = f64::from(from - 1);
    let place = |at: u32| {
        let centre = (f64::from(at) + 0.5) * f64::from(from) / f64::from(to) - 0.5;
        let centre = centre.clamp(0.0, last);
        let next = (centre.floor() + 1.0).min(last);
        (centre as usize, next as usize, centre.fract() as f32)
    };
    (0..to).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarging_keeps_corners_and_blends_between() {
        let matte = imaging::Matte::new(vec![0.0, 1.0], 2, 1).expect("a matte");
        let alpha = enlarged(&matte, (4, 2));
        assert_eq!(alpha.as_raw(), &[0, 64, 191, 255, 0, 64, 191, 255]);
    }

    #[test]
    fn the_same_size_is_the_same_matte() {
        let matte = imaging::Matte::new(vec![0.0, 1.0, 0.2, 0.6], 2, 2).expect("a matte");
        assert_eq!(enlarged(&matte, (2, 2)).as_raw(), &[0, 255, 51, 153]);
    }
}
