//! The guided filter's linear model (He, Sun and Tang 2013, equations 14 to 16, colour guide).

use image::RgbImage;

use super::{Axis, Coarse};

/// Half the window's side less one half, in guide pixels: windows are 5 × 5.
///
/// Measured on 27 photos with true mattes: the smallest windows follow hair best when the network
/// is right, large ones repair it better when it is wrong; this is between.
const RADIUS: usize = 2;

/// Colour variance below which a window counts as flat, for samples in 0…1.
const EPSILON: f32 = 1e-4;

/// Linear functions from colour to alpha on a coarse grid, each `alpha = a·colour + b`.
pub(super) struct Guidance {
    columns: usize,
    /// Four numbers a grid point: the factors of red, green and blue (0…255), and the constant.
    model: Vec<[f32; 4]>,
    across: Axis,
    down: Axis,
}

impl Guidance {
    /// Fits the model to a photo and its coarse matte.
    ///
    /// `None` when the photo is no larger than the matte: then there is nothing to sharpen.
    pub(super) fn of(photo: &RgbImage, coarse: &Coarse) -> Option<Self> {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let factor = width.max(height).div_ceil(coarse.width.max(coarse.height));
        if factor < 2 {
            return None;
        }
        let grid = Grid::new(photo, coarse, factor);
        let step = 1.0 / factor as f32;
        Some(Self {
            columns: grid.width,
            model: grid.fit(),
            across: Axis::with_step(width, grid.width, step),
            down: Axis::with_step(height, grid.height, step),
        })
    }

    /// The model along one row of the photo, still on the coarse columns.
    pub(super) fn blend_row(&self, y: usize, row: &mut Vec<[f32; 4]>) {
        let place = self.down.at(y);
        let upper = &self.model[place.first * self.columns..][..self.columns];
        let lower = &self.model[place.second * self.columns..][..self.columns];
        row.clear();
        row.extend(upper.iter().zip(lower).map(|(a, b)| mix(a, b, place.weight)));
    }

    /// Alpha of a pixel in 0…1 by the model of its row.
    pub(super) fn evaluate(&self, row: &[[f32; 4]], x: usize, colour: [u8; 3]) -> f32 {
        let place = self.across.at(x);
        let [r, g, b, constant] = mix(&row[place.first], &row[place.second], place.weight);
        let [red, green, blue] = colour.map(f32::from);
        (r * red + g * green + b * blue + constant).clamp(0.0, 1.0)
    }
}

fn mix(a: &[f32; 4], b: &[f32; 4], weight: f32) -> [f32; 4] {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * weight)
}

/// Photo and matte on the grid where the model is fitted, a plane each.
struct Grid {
    width: usize,
    height: usize,
    /// Red, green, blue in 0…1.
    guide: [Vec<f32>; 3],
    matte: Vec<f32>,
}

impl Grid {
    fn new(photo: &RgbImage, coarse: &Coarse, factor: usize) -> Self {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let (w, h) = (width.div_ceil(factor), height.div_ceil(factor));
        let (across, down) = (Axis::new(w, coarse.width), Axis::new(h, coarse.height));
        let matte = (0..h)
            .flat_map(|y| (0..w).map(move |x| (x, y)))
            .map(|(x, y)| coarse.interpolated(across.at(x), down.at(y)))
            .collect();
        Self { width: w, height: h, guide: block_means(photo, factor, w, h), matte }
    }

    /// Model coefficients, averaged over all windows that cover a point.
    fn fit(&self) -> Vec<[f32; 4]> {
        let mean = self.guide.each_ref().map(|plane| self.window_mean(plane));
        let matte_mean = self.window_mean(&self.matte);
        let with_matte =
            |c: usize| self.covariance(&self.guide[c], &mean[c], &self.matte, &matte_mean);
        let between = |i: usize, j: usize| {
            self.covariance(&self.guide[i], &mean[i], &self.guide[j], &mean[j])
        };
        let matte_cov: [Vec<f32>; 3] = std::array::from_fn(with_matte);
        let guide_cov =
            [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].map(|(i, j)| between(i, j));
        let mut model: [Vec<f32>; 4] = std::array::from_fn(|_| vec![0.0; self.matte.len()]);
        for at in 0..self.matte.len() {
            let factors = solve(
                guide_cov.each_ref().map(|plane| plane[at]),
                matte_cov.each_ref().map(|plane| plane[at]),
            );
            model[3][at] = matte_mean[at];
            for c in 0..3 {
                model[c][at] = factors[c];
                model[3][at] -= factors[c] * mean[c][at];
            }
        }
        let model = model.map(|plane| self.window_mean(&plane));
        // The photo's samples are bytes: fold the division into the factors.
        (0..self.matte.len())
            .map(|at| [0, 1, 2, 3].map(|c| if c < 3 { model[c][at] / 255.0 } else { model[c][at] }))
            .collect()
    }

    fn covariance(&self, a: &[f32], a_mean: &[f32], b: &[f32], b_mean: &[f32]) -> Vec<f32> {
        let product: Vec<f32> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        let mut covariance = self.window_mean(&product);
        for ((value, a), b) in covariance.iter_mut().zip(a_mean).zip(b_mean) {
            *value -= a * b;
        }
        covariance
    }

    /// Mean over the window around every point; border points are repeated outwards.
    fn window_mean(&self, plane: &[f32]) -> Vec<f32> {
        const SIDE: usize = 2 * RADIUS + 1;
        let (width, last) = (self.width, self.height - 1);
        let mut sums = vec![0.0; plane.len()];
        for (y, sum) in sums.chunks_exact_mut(width).enumerate() {
            for offset in 0..SIDE {
                let row = (y + offset).saturating_sub(RADIUS).min(last);
                for (s, v) in sum.iter_mut().zip(&plane[row * width..][..width]) {
                    *s += v;
                }
            }
        }
        let mut padded = vec![0.0; width + 2 * RADIUS];
        for row in sums.chunks_exact_mut(width) {
            padded[RADIUS..RADIUS + width].copy_from_slice(row);
            padded[..RADIUS].fill(row[0]);
            padded[RADIUS + width..].fill(row[width - 1]);
            row.fill(0.0);
            for offset in 0..SIDE {
                for (sum, value) in row.iter_mut().zip(&padded[offset..]) {
                    *sum += value;
                }
            }
            for sum in row.iter_mut() {
                *sum *= 1.0 / (SIDE * SIDE) as f32;
            }
        }
        sums
    }
}

/// `(Σ + εE)⁻¹ c` for a symmetric 3 × 3 matrix, by cofactors.
fn solve([rr, rg, rb, gg, gb, bb]: [f32; 6], [r, g, b]: [f32; 3]) -> [f32; 3] {
    let (rr, gg, bb) = (rr + EPSILON, gg + EPSILON, bb + EPSILON);
    let (c_rr, c_rg, c_rb) = (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg);
    let (c_gg, c_gb, c_bb) = (rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg);
    let scale = 1.0 / (rr * c_rr + rg * c_rg + rb * c_rb);
    [
        (c_rr * r + c_rg * g + c_rb * b) * scale,
        (c_rg * r + c_gg * g + c_gb * b) * scale,
        (c_rb * r + c_gb * g + c_bb * b) * scale,
    ]
}

/// Means of `factor` × `factor` blocks of the photo, in 0…1, a plane each of red, green and blue.
fn block_means(photo: &RgbImage, factor: usize, w: usize, h: usize) -> [Vec<f32>; 3] {
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let mut planes: [Vec<f32>; 3] = std::array::from_fn(|_| Vec::with_capacity(w * h));
    let mut sums = vec![[0_u32; 3]; w];
    for top in (0..height).step_by(factor) {
        let rows = factor.min(height - top);
        sums.fill([0; 3]);
        for row in photo.as_raw()[top * width * 3..].chunks_exact(width * 3).take(rows) {
            let blocks = row.chunks(factor * 3);
            for (sum, block) in sums.iter_mut().zip(blocks) {
                for pixel in block.as_chunks::<3>().0 {
                    for c in 0..3 {
                        sum[c] += u32::from(pixel[c]);
                    }
                }
            }
        }
        for (column, sum) in sums.iter().enumerate() {
            let columns = factor.min(width - column * factor);
            let scale = 1.0 / (255 * rows * columns) as f32;
            for c in 0..3 {
                planes[c].push(sum[c] as f32 * scale);
            }
        }
    }
    planes
}
