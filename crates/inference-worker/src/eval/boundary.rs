//! How well the outlines agree: precision and recall of boundary pixels, each
//! right where the other outline is near (Perazzi et al., «A benchmark dataset
//! and evaluation methodology for video object segmentation», CVPR 2016).

use image::{GrayImage, Luma};
use imageproc::distance_transform::euclidean_squared_distance_transform;

use super::region::HALF;

/// How far outlines may lie apart, as a share of the picture's diagonal.
const TOLERANCE: f64 = 0.008;

/// The F-measure of the outlines of both masks, cut at one half.
pub(super) fn boundary_f(predicted: &GrayImage, truth: &GrayImage) -> f64 {
    let (mine, theirs) = (outline(predicted), outline(truth));
    let (width, height) = truth.dimensions();
    let near = (TOLERANCE * f64::from(width).hypot(f64::from(height))).ceil();
    match (share_near(&mine, &theirs, near), share_near(&theirs, &mine, near)) {
        (None, None) => 1.0,
        (Some(precision), Some(recall)) if precision + recall > 0.0 => {
            2.0 * precision * recall / (precision + recall)
        }
        _ => 0.0,
    }
}

/// Pixels that differ from their neighbour to the right, below, or both.
fn outline(mask: &GrayImage) -> GrayImage {
    let (width, height) = mask.dimensions();
    let is_subject =
        |x: u32, y: u32| mask.get_pixel(x.min(width - 1), y.min(height - 1)).0[0] >= HALF;
    GrayImage::from_fn(width, height, |x, y| {
        let here = is_subject(x, y);
        let differs = [(x + 1, y), (x, y + 1), (x + 1, y + 1)]
            .into_iter()
            .any(|(x, y)| is_subject(x, y) != here);
        Luma([if differs { u8::MAX } else { 0 }])
    })
}

/// The share of one outline that lies near the other; `None` where there is no
/// such outline.
fn share_near(outline: &GrayImage, other: &GrayImage, near: f64) -> Option<f64> {
    let pixels = outline.iter().filter(|&&p| p > 0).count();
    if pixels == 0 {
        return None;
    }
    if other.iter().all(|&p| p == 0) {
        return Some(0.0);
    }
    let distances = euclidean_squared_distance_transform(other);
    let close = outline
        .iter()
        .zip(distances.iter())
        .filter(|&(&p, &squared)| p > 0 && squared <= near * near);
    Some(close.count() as f64 / pixels as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 × 100, subject from column `from` on.
    fn edge_at(from: u32) -> GrayImage {
        GrayImage::from_fn(100, 100, |x, _| Luma([if x >= from { 255 } else { 0 }]))
    }

    #[test]
    fn outlines_agree_within_the_tolerance_and_not_beyond() {
        // 0.008 × 141.4 rounds up to 2 pixels.
        let rows = [(50, 1.0), (52, 1.0), (53, 0.0), (0, 0.0)];
        for (from, expected) in rows {
            assert_eq!(boundary_f(&edge_at(from), &edge_at(50)), expected, "{from}");
        }
    }

    #[test]
    fn two_masks_without_outline_agree() {
        assert_eq!(boundary_f(&edge_at(0), &edge_at(0)), 1.0);
    }
}
