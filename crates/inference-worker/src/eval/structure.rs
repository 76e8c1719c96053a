//! The structure measure: Fan, Cheng, Liu, Li, Borji, «Structure-measure: a new
//! way to evaluate foreground maps», ICCV 2017. Half object-aware similarity,
//! half similarity of the four regions around the subject's centroid.

use image::GrayImage;

use super::region::HALF;

const ALPHA: f64 = 0.5;

/// The measure with α = 0.5.
pub(super) fn structure_measure(predicted: &GrayImage, truth: &GrayImage) -> f64 {
    let subject = truth.iter().filter(|&&t| t >= HALF).count() as f64 / truth.len() as f64;
    let brightness = Moments::of(predicted.iter().map(|&p| level(p))).mean;
    if subject == 0.0 {
        return 1.0 - brightness;
    }
    if subject == 1.0 {
        return brightness;
    }
    let similarity =
        ALPHA * object(predicted, truth, subject) + (1.0 - ALPHA) * region(predicted, truth);
    similarity.max(0.0)
}

fn level(value: u8) -> f64 {
    f64::from(value) / 255.0
}

fn object(predicted: &GrayImage, truth: &GrayImage, subject: f64) -> f64 {
    let pixels = || predicted.iter().zip(truth.iter());
    let inside = pixels().filter(|(_, t)| **t >= HALF).map(|(&p, _)| level(p));
    let outside = pixels().filter(|(_, t)| **t < HALF).map(|(&p, _)| 1.0 - level(p));
    let similarity = |values: Moments| {
        2.0 * values.mean / (values.mean * values.mean + 1.0 + values.variance.sqrt())
    };
    subject * similarity(Moments::of(inside)) + (1.0 - subject) * similarity(Moments::of(outside))
}

/// Mean, and variance with the count less one.
struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count.max(1.0);
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self { mean, variance: squares / (count - 1.0).max(1.0) }
    }
}

/// A block of pixels: columns and rows from … to, the end not included.
#[derive(Clone, Copy)]
struct Block {
    columns: (u32, u32),
    rows: (u32, u32),
}

impl Block {
    fn area(self) -> f64 {
        f64::from(self.columns.1 - self.columns.0) * f64::from(self.rows.1 - self.rows.0)
    }

    fn values(self, image: &GrayImage) -> impl Iterator<Item = u8> + Clone {
        (self.rows.0..self.rows.1).flat_map(move |y| {
            (self.columns.0..self.columns.1).map(move |x| image.get_pixel(x, y).0[0])
        })
    }
}

fn region(predicted: &GrayImage, truth: &GrayImage) -> f64 {
    let (width, height) = truth.dimensions();
    let (x, y) = centroid(truth);
    let area = f64::from(width) * f64::from(height);
    [(0, x), (x, width)]
        .into_iter()
        .flat_map(|columns| [(0, y), (y, height)].map(|rows| Block { columns, rows }))
        .filter(|block| block.area() > 0.0)
        .map(|block| block.area() / area * similarity(predicted, truth, block))
        .sum()
}

/// One past the rounded mean position of the subject, as the authors' code cuts.
fn centroid(truth: &GrayImage) -> (u32, u32) {
    let (mut count, mut across, mut down) = (0_u64, 0_u64, 0_u64);
    for (x, y, pixel) in truth.enumerate_pixels() {
        if pixel.0[0] >= HALF {
            count += 1;
            across += u64::from(x);
            down += u64::from(y);
        }
    }
    let cut = |sum: u64, side: u32| {
        ((sum as f64 / count.max(1) as f64).round_ties_even() as u32 + 1).min(side)
    };
    (cut(across, truth.width()), cut(down, truth.height()))
}

/// Structural similarity of prediction and truth within a block.
fn similarity(predicted: &GrayImage, truth: &GrayImage, block: Block) -> f64 {
    let target = |t: u8| f64::from(u8::from(t >= HALF));
    let mine = Moments::of(block.values(predicted).map(level));
    let theirs = Moments::of(block.values(truth).map(target));
    let products: f64 = block
        .values(predicted)
        .zip(block.values(truth))
        .map(|(p, t)| (level(p) - mine.mean) * (target(t) - theirs.mean))
        .sum();
    let covariance = products / (block.area() - 1.0).max(1.0);
    let above = 4.0 * mine.mean * theirs.mean * covariance;
    let below = (mine.mean.powi(2) + theirs.mean.powi(2)) * (mine.variance + theirs.variance);
    match (above == 0.0, below == 0.0) {
        (false, _) => above / below,
        (true, true) => 1.0,
        (true, false) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(values: [u8; 4]) -> GrayImage {
        GrayImage::from_raw(2, 2, values.to_vec()).expect("four values")
    }

    #[test]
    fn extremes() {
        let truth = square([0, 255, 0, 255]);
        assert!((structure_measure(&truth, &truth) - 1.0).abs() < 1e-12);
        assert_eq!(structure_measure(&square([51; 4]), &square([0; 4])), 0.8);
        assert_eq!(structure_measure(&square([51; 4]), &square([255; 4])), 0.2);
    }

    #[test]
    fn by_hand() {
        // Truth: right column. Centroid at column 1, row round(0.5) = 0, so the
        // cut is at (2, 1): two blocks, the rows. Prediction: 0.4 everywhere,
        // so nothing varies and both blocks score 0; object: each half scores
        // 2m / (m² + 1) of m = 0.4 inside and 0.6 outside.
        let similar = |m: f64| 2.0 * m / (m * m + 1.0);
        let expected = 0.5 * (0.5 * similar(0.4) + 0.5 * similar(0.6));
        let found = structure_measure(&square([102; 4]), &square([0, 255, 0, 255]));
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
