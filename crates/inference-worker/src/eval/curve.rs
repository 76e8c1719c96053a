//! Precision and recall at every threshold, and the greatest F-measure over a
//! set (Achanta et al. 2009, β² = 0.3): both are averaged over the pictures at
//! each threshold, then F is taken, then its maximum.

use image::GrayImage;

use super::region::HALF;

const LEVELS: usize = 256;
const BETA_SQUARED: f64 = 0.3;

/// Precision and recall of the prediction cut at 0, 1 … 255.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// One picture's curve. Where nothing is predicted precision is 0, so that
    /// a subject that is not found counts as one; where there is no subject
    /// recall is 0: as the common toolkits have it.
    pub(super) fn of(predicted: &GrayImage, truth: &GrayImage) -> Self {
        let (mut subject, mut ground) = ([0_u64; LEVELS], [0_u64; LEVELS]);
        for (&p, &t) in predicted.iter().zip(truth.iter()) {
            let counts = if t >= HALF { &mut subject } else { &mut ground };
            counts[usize::from(p)] += 1;
        }
        let all = subject.iter().sum::<u64>().max(1) as f64;
        let mut points = vec![(0.0, 0.0); LEVELS];
        let (mut hits, mut misses) = (0, 0);
        for level in (0..LEVELS).rev() {
            hits += subject[level];
            misses += ground[level];
            let found = hits + misses;
            points[level] = (hits as f64 / found.max(1) as f64, hits as f64 / all);
        }
        Self(points)
    }
}

/// The greatest F-measure of the average curve.
pub(super) fn max_f(curves: &[&Curve]) -> f64 {
    let count = curves.len().max(1) as f64;
    let f_at = |level: usize| {
        let sum = curves.iter().fold((0.0, 0.0), |(precision, recall), curve| {
            (precision + curve.0[level].0, recall + curve.0[level].1)
        });
        f_measure(sum.0 / count, sum.1 / count)
    };
    (0..LEVELS).map(f_at).fold(0.0, f64::max)
}

fn f_measure(precision: f64, recall: f64) -> f64 {
    let below = BETA_SQUARED * precision + recall;
    if below == 0.0 { 0.0 } else { (1.0 + BETA_SQUARED) * precision * recall / below }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [u8; 4]) -> GrayImage {
        GrayImage::from_raw(4, 1, values.to_vec()).expect("four values")
    }

    #[test]
    fn by_hand() {
        // Cut at 100: two of three found are right, both subjects found.
        let curve = Curve::of(&row([0, 100, 150, 200]), &row([0, 0, 255, 255]));
        assert_eq!(curve.0[0], (0.5, 1.0));
        assert_eq!(curve.0[100], (2.0 / 3.0, 1.0));
        assert_eq!(curve.0[101], (1.0, 1.0));
        assert_eq!(curve.0[151], (1.0, 0.5));
        assert_eq!(curve.0[201], (0.0, 0.0));
        assert_eq!(max_f(&[&curve]), 1.0);
    }

    #[test]
    fn averages_come_before_the_maximum() {
        // One perfect picture and one that finds only ground: precision and
        // recall average to one half wherever both find anything.
        let good = Curve::of(&row([0, 0, 255, 255]), &row([0, 0, 255, 255]));
        let bad = Curve::of(&row([255, 255, 0, 0]), &row([0, 0, 255, 255]));
        let half = f_measure(0.5, 0.5);
        let at_zero = f_measure(0.5, 1.0);
        let expected = half.max(at_zero);
        assert!((max_f(&[&good, &bad]) - expected).abs() < 1e-12);
    }
}
