//! Bilinear interpolation between planes of different sizes over the same picture, pixel centres
//! aligned.

/// Two neighbouring samples and the weight of the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) weight: f32,
}

impl Between {
    /// A place among `count` samples, the first of which lies at 0 and the next at 1. Beyond the
    /// ends the last sample counts alone.
    pub(crate) fn new(position: f32, count: usize) -> Self {
        let last = count - 1;
        let position = position.clamp(0.0, last as f32);
        let first = (position as usize).min(last);
        Self { first, second: (first + 1).min(last), weight: position - first as f32 }
    }
}

/// The places along one side.
pub(crate) struct Axis(Vec<Between>);

impl Axis {
    /// Of `fine` samples among `coarse` ones over the same side.
    pub(crate) fn new(fine: usize, coarse: usize) -> Self {
        Self::with_step(fine, coarse, coarse as f32 / fine as f32)
    }

    /// `step`: coarse samples per fine sample.
    pub(crate) fn with_step(fine: usize, coarse: usize, step: f32) -> Self {
        Self((0..fine).map(|at| Between::new((at as f32 + 0.5) * step - 0.5, coarse)).collect())
    }

    pub(crate) fn at(&self, index: usize) -> Between {
        self.0[index]
    }
}

/// The value of a row-major plane of `width` columns at a place.
pub(crate) fn interpolated(values: &[f32], width: usize, x: Between, y: Between) -> f32 {
    let row = |r: usize| {
        let row = &values[r * width..][..width];
        row[x.first] + (row[x.second] - row[x.first]) * x.weight
    };
    let (top, bottom) = (row(y.first), row(y.second));
    top + (bottom - top) * y.weight
}
