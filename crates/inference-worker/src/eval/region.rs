//! Measures that compare pixel by pixel.

use image::GrayImage;

/// From here up a mask says subject.
pub(super) const HALF: u8 = 128;

/// The mean of |prediction − truth|, the truth being 0 or 1.
pub(super) fn mean_absolute_error(predicted: &GrayImage, truth: &GrayImage) -> f64 {
    let errors = predicted.iter().zip(truth.iter()).map(|(&p, &t)| {
        let target = if t >= HALF { 255 } else { 0 };
        u64::from(p.abs_diff(target))
    });
    errors.sum::<u64>() as f64 / 255.0 / truth.len() as f64
}

/// Subject in both over subject in either; 1 where neither has any.
pub(super) fn intersection_over_union(predicted: &GrayImage, truth: &GrayImage) -> f64 {
    let (mut both, mut either) = (0_u64, 0_u64);
    for (&p, &t) in predicted.iter().zip(truth.iter()) {
        both += u64::from(p >= HALF && t >= HALF);
        either += u64::from(p >= HALF || t >= HALF);
    }
    if either == 0 { 1.0 } else { both as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [u8; 4]) -> GrayImage {
        GrayImage::from_raw(4, 1, values.to_vec()).expect("four values")
    }

    #[test]
    fn by_hand() {
        let truth = row([0, 0, 255, 255]);
        let rows = [
            ([0, 0, 255, 255], 0.0, 1.0),
            ([255, 255, 0, 0], 1.0, 0.0),
            ([0, 51, 204, 255], 0.1, 1.0),
            ([0, 255, 255, 255], 0.25, 2.0 / 3.0),
        ];
        for (values, error, iou) in rows {
            assert!((mean_absolute_error(&row(values), &truth) - error).abs() < 1e-12);
            assert!((intersection_over_union(&row(values), &truth) - iou).abs() < 1e-12);
        }
        assert_eq!(intersection_over_union(&row([0; 4]), &row([0; 4])), 1.0);
    }
}
