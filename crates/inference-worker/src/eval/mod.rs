//! How good a network's masks are, measured through the pipeline that serves
//! requests: decoded, inferred, brought to full size and along the edges, then
//! compared with masks drawn by people.
//!
//! The measures are those of the salient-object literature, so that figures can
//! be compared with papers. A prediction is judged as it is served, without the
//! min-max stretching that some toolkits apply first.

mod boundary;
mod curve;
mod pairs;
mod region;
mod report;
mod structure;

use std::{
    num::NonZero,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use image::GrayImage;

pub use pairs::{EvalError, Pair, pairs};
pub use report::Report;

use self::curve::Curve;
use crate::{Processor, timing::StageTimings};

/// What to measure, and how.
#[derive(Debug, Clone)]
pub struct EvalOptions {
    /// The folder of photos.
    pub images: PathBuf,
    /// The folder of masks: the same names, any accepted format.
    pub masks: PathBuf,
    /// Whether masks follow the photo's edges, as served, or are only enlarged.
    pub refine: bool,
    /// Pictures at once. Times are most meaningful with one.
    pub jobs: NonZero<usize>,
}

/// The measures of one picture, each 0…1.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Mean absolute error.
    pub mae: f64,
    /// Structure measure (Fan et al. 2017), α = 0.5.
    pub structure: f64,
    /// Intersection over union at one half.
    pub iou: f64,
    /// F-measure of the boundary (Perazzi et al. 2016).
    pub boundary: f64,
    /// Precision and recall at 256 thresholds.
    pub(crate) curve: Curve,
}

impl Scores {
    /// Compares a predicted mask with the true one, which counts as subject from
    /// 128 up. `None` where their sizes differ.
    #[must_use]
    pub fn compare(predicted: &GrayImage, truth: &GrayImage) -> Option<Self> {
        if predicted.dimensions() != truth.dimensions() || truth.is_empty() {
            return None;
        }
        Some(Self {
            mae: region::mean_absolute_error(predicted, truth),
            structure: structure::structure_measure(predicted, truth),
            iou: region::intersection_over_union(predicted, truth),
            boundary: boundary::boundary_f(predicted, truth),
            curve: Curve::of(predicted, truth),
        })
    }
}

type Measured = Result<(Scores, StageTimings), String>;

/// Measures a network over a folder. `on_progress` is told how many pictures of
/// how many are done. A picture that fails is listed and left out.
///
/// # Errors
/// [`EvalError`] where the folders cannot be read or hold no pair.
pub fn evaluate(
    processor: &Processor,
    options: &EvalOptions,
    on_progress: impl Fn(usize, usize) + Sync,
) -> Result<Report, EvalError> {
    let pairs = pairs(&options.images, &options.masks)?;
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    // By index, so that sums do not depend on which thread was first.
    let results = Mutex::new(vec![None; pairs.len()]);
    let work = || {
        while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let index = pair.index;
            let measured = measure(processor, pair, options.refine);
            results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(measured);
            on_progress(done.fetch_add(1, Ordering::Relaxed) + 1, pairs.len());
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.get() {
            scope.spawn(work);
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let measured = pairs.into_iter().zip(results.into_iter().flatten());
    Ok(Report::new(processor.model(), measured))
}

fn measure(processor: &Processor, pair: &Pair, refine: bool) -> Measured {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let truth = pairs::read_mask(&read(&pair.mask)?).map_err(|error| error.to_string())?;
    let (predicted, timings) =
        processor.matte(&read(&pair.image)?, refine).map_err(|error| error.to_string())?;
    let scores = Scores::compare(&predicted, &truth)
        .ok_or_else(|| "photo and mask differ in size".to_owned())?;
    Ok((scores, timings))
}
