//! The way of a picture in four stages: decoding, inferring, refining, encoding.
//! Plain blocking functions, the same for the server's pools and for a command
//! line that has no server; who calls them decides on threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::GrayImage;
use imaging::{Cutout, DecodeLimits, Matte, Photo, Region, RenderOptions, Size};

use crate::{
    error::JobError,
    network::Network,
    timing::{StageTimings, Step},
};

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// Its size in pixels.
    pub size: Size,
}

/// A decoded photo and the network's input made from it.
pub(crate) struct Decoded {
    pub(crate) photo: Photo,
    pub(crate) input: Vec<f32>,
}

/// What the network said: of the whole photo and, where it has a subject, of a region's mirror image.
pub(crate) struct Seen {
    pub(crate) whole: Matte,
    pub(crate) closer: Option<(Region, Matte)>,
}

/// One job's passage through the stages, with its stopwatch.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) timings: StageTimings,
}

impl Passage {
    pub(crate) fn decode(&mut self, bytes: &[u8], network: &Network) -> Result<Decoded, JobError> {
        let photo =
            self.step(Step::Decode, || imaging::decode(bytes, &DecodeLimits::default()))??;
        let input = self.step(Step::Prepare, || network.input(&photo))??;
        Ok(Decoded { photo, input })
    }

    /// The first look at a photo of that size, and what of it is worth a second.
    pub(crate) fn look(
        &mut self,
        input: &[f32],
        size: Size,
        network: &Network,
    ) -> Result<(Matte, Option<Region>), JobError> {
        let matte = self.step(Step::Network, || network.matte(input.to_vec()))??;
        let region = self.step(Step::Prepare, || network.second_look(&matte, size))?;
        Ok((matte, region))
    }

    /// The input of the second look, at a region of the photo whose first one was `first`.
    pub(crate) fn approach(
        &mut self,
        photo: &Photo,
        region: Region,
        first: Vec<f32>,
        network: &Network,
    ) -> Result<Vec<f32>, JobError> {
        Ok(self.step(Step::Prepare, || network.closer_input(photo, region, first))??)
    }

    pub(crate) fn look_closer(
        &mut self,
        input: Vec<f32>,
        network: &Network,
    ) -> Result<Matte, JobError> {
        Ok(self.step(Step::Network, || network.closer_matte(input))??)
    }

    /// Every look that the photo is worth, one after the other.
    pub(crate) fn see(
        &mut self,
        photo: &Photo,
        input: Vec<f32>,
        network: &Network,
    ) -> Result<Seen, JobError> {
        let (whole, region) = self.look(&input, photo.size(), network)?;
        let Some(region) = region else { return Ok(Seen { whole, closer: None }) };
        let input = self.approach(photo, region, input, network)?;
        Ok(Seen { whole, closer: Some((region, self.look_closer(input, network)?)) })
    }

    /// One matte of what was seen of a photo of that size.
    pub(crate) fn merge(&mut self, seen: Seen, size: Size) -> Result<Matte, JobError> {
        let Seen { whole, closer } = seen;
        match closer {
            None => Ok(whole),
            Some((region, closer)) => {
                Ok(self.step(Step::Refine, || imaging::merged(&whole, &closer, region, size))??)
            }
        }
    }

    pub(crate) fn refine(&mut self, photo: &Photo, seen: Seen) -> Result<GrayImage, JobError> {
        let matte = self.merge(seen, photo.size())?;
        Ok(self.step(Step::Refine, || imaging::refine(photo, &matte))??)
    }

    /// The subject on its own; a mask needs no colours.
    pub(crate) fn cut_out(
        &mut self,
        photo: Photo,
        seen: Seen,
        mask: bool,
    ) -> Result<Cutout, JobError> {
        let alpha = self.refine(&photo, seen)?;
        if mask {
            return Ok(Cutout::from_matte(photo, alpha)?);
        }
        Ok(self.step(Step::Foreground, || imaging::estimate_foreground(photo, alpha))??)
    }

    pub(crate) fn encode(
        &mut self,
        cutout: Cutout,
        options: &RenderOptions,
    ) -> Result<Finished, JobError> {
        let rendered = self.step(Step::Render, || imaging::render(cutout, options))??;
        let size = rendered.size();
        let bytes = self.step(Step::Encode, || imaging::encode(rendered))??;
        Ok(Finished { bytes, size })
    }

    /// Runs a step inside a panic barrier: a step that panics on a hostile
    /// file loses that file only. Nothing a step touches outlives a panic.
    fn step<T>(&mut self, step: Step, work: impl FnOnce() -> T) -> Result<T, JobError> {
        self.timings
            .time(step, || catch_unwind(AssertUnwindSafe(work)))
            .map_err(|_| JobError::Panicked(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_its_step_only() {
        let mut passage = Passage::default();
        let lost = passage.step(Step::Decode, || panic!("hostile file"));
        assert!(matches!(lost, Err(JobError::Panicked(Step::Decode))));
        assert_eq!(passage.step(Step::Decode, || 7).expect("no panic"), 7);
    }
}
