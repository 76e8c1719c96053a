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
            passage.merge(seen, photo.size())?.enlarged(photo.size())
        };
        Ok((alpha, passage.timings))
    }
}
