//! How long each step of a job took: for metrics, for `rembg models eval`, and
//! for the benchmark's table.

use std::time::{Duration, Instant};

/// A step of the way from file to file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// File to upright sRGB pixels.
    Decode,
    /// Pixels to the network's input, for each look.
    Prepare,
    /// The network.
    Network,
    /// Both looks' mattes to one, and that to full size, along the photo's edges.
    Refine,
    /// Colours free of the old background.
    Foreground,
    /// Rotation, resizing, background colour.
    Render,
    /// Pixels to file.
    Encode,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::Decode,
        Self::Prepare,
        Self::Network,
        Self::Refine,
        Self::Foreground,
        Self::Render,
        Self::Encode,
    ];

    /// The name in metrics and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prepare => "prepare",
            Self::Network => "network",
            Self::Refine => "refine",
            Self::Foreground => "foreground",
            Self::Render => "render",
            Self::Encode => "encode",
        }
    }
}

/// The time each step of one job took, and how often it ran: the network looks at
/// most photos twice. Steps that were left out, such as the foreground of a
/// mask, took none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageTimings {
    took: [Duration; Step::ALL.len()],
    runs: [u32; Step::ALL.len()],
}

impl StageTimings {
    /// Runs a step and adds its time, whatever comes of it.
    pub(crate) fn time<T>(&mut self, step: Step, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.took[step as usize] += started.elapsed();
        self.runs[step as usize] += 1;
        result
    }

    /// What a step took.
    #[must_use]
    pub fn of(&self, step: Step) -> Duration {
        self.took[step as usize]
    }

    /// How often a step ran.
    #[must_use]
    pub fn runs(&self, step: Step) -> u32 {
        self.runs[step as usize]
    }

    /// What all steps took together, waiting between them not counted.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.took.iter().sum()
    }

    /// Adds the times of another job, or of other steps of the same.
    pub fn add(&mut self, other: &Self) {
        for (mine, other) in self.took.iter_mut().zip(other.took) {
            *mine += other;
        }
        for (mine, other) in self.runs.iter_mut().zip(other.runs) {
            *mine += other;
        }
    }

    /// Records every step that ran in `rembg_stage_seconds`.
    pub(crate) fn record(&self) {
        for step in Step::ALL {
            let took = self.of(step);
            if !took.is_zero() {
                metrics::histogram!("rembg_stage_seconds", "stage" => step.name())
                    .record(took.as_secs_f64());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_by_step() {
        let mut timings = StageTimings::default();
        assert_eq!(timings.time(Step::Decode, || 7), 7);
        let mut sum = timings;
        sum.add(&timings);
        assert_eq!(sum.of(Step::Decode), timings.of(Step::Decode) * 2);
        assert_eq!((sum.runs(Step::Decode), sum.runs(Step::Network)), (2, 0));
        assert_eq!(sum.total(), sum.of(Step::Decode));
    }
}
