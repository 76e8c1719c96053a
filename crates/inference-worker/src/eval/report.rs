//! The figures of a whole set.

use std::fmt::{Display, Formatter, Result};

use super::{Measured, Pair, Scores, curve::max_f};
use crate::timing::{StageTimings, Step};

/// Averages over a set; `Display` prints them for people.
#[derive(Debug, Clone)]
pub struct Report {
    /// Name and version of the network.
    pub model: String,
    /// Pictures that were measured.
    pub pictures: usize,
    /// Pictures that were not, with the reason.
    pub failed: Vec<(Pair, String)>,
    /// Mean absolute error.
    pub mae: f64,
    /// The greatest F-measure, β² = 0.3, of average precision and recall.
    pub max_f: f64,
    /// Structure measure.
    pub structure: f64,
    /// Mean intersection over union at one half.
    pub iou: f64,
    /// F-measure of the boundary.
    pub boundary: f64,
    /// Milliseconds a picture from file to mask.
    pub milliseconds: f64,
    /// Milliseconds a run of a network.
    pub network_milliseconds: f64,
    /// Runs of a network a picture: 1, and one more for each second look.
    pub looks: f64,
}

impl Report {
    pub(super) fn new(model: &str, measured: impl Iterator<Item = (Pair, Measured)>) -> Self {
        let (mut scores, mut failed) = (Vec::new(), Vec::new());
        let mut timings = StageTimings::default();
        for (pair, measured) in measured {
            match measured {
                Ok((score, took)) => {
                    timings.add(&took);
                    scores.push(score);
                }
                Err(reason) => failed.push((pair, reason)),
            }
        }
        let count = scores.len().max(1) as f64;
        let looks = f64::from(timings.runs(Step::Network));
        let mean = |of: fn(&Scores) -> f64| scores.iter().map(of).sum::<f64>() / count;
        Self {
            model: model.to_owned(),
            pictures: scores.len(),
            failed,
            mae: mean(|score| score.mae),
            max_f: max_f(&scores.iter().map(|score| &score.curve).collect::<Vec<_>>()),
            structure: mean(|score| score.structure),
            iou: mean(|score| score.iou),
            boundary: mean(|score| score.boundary),
            milliseconds: timings.total().as_secs_f64() * 1000.0 / count,
            network_milliseconds: timings.of(Step::Network).as_secs_f64() * 1000.0 / looks.max(1.0),
            looks: looks / count,
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "model        {}", self.model)?;
        writeln!(f, "pictures     {}", self.pictures)?;
        writeln!(f, "MAE          {:.4}", self.mae)?;
        writeln!(f, "maxF         {:.4}", self.max_f)?;
        writeln!(f, "S-measure    {:.4}", self.structure)?;
        writeln!(f, "mIoU         {:.4}", self.iou)?;
        writeln!(f, "boundary F   {:.4}", self.boundary)?;
        writeln!(f, "ms a picture {:.1}", self.milliseconds)?;
        writeln!(f, "ms network   {:.1}", self.network_milliseconds)?;
        write!(f, "looks        {:.2}", self.looks)?;
        for (pair, reason) in &self.failed {
            write!(f, "\nfailed       {}: {reason}", pair.image.display())?;
        }
        Ok(())
    }
}
