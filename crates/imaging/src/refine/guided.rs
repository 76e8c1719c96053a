//! The guided filter's linear model (He, Sun and Tang 2013, equations 14 to 16, colour guide).

use std::ops::Range;

use image::RgbImage;

use super::{Cell, Coarse};
use crate::bilinear::Axis;

/// Half the window's side less one half, in guide pixels: windows are 5 × 5.
///
/// Measured on 27 photos with true mattes: the smallest windows follow hair best when the network
/// is right, large ones repair it better when it is wrong; this is between.
const RADIUS: usize = 2;
const SIDE: usize = 2 * RADIUS + 1;

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
        // The coarser side decides: a window must reach over several cells of the matte.
        let factor = width.div_ceil(coarse.width).max(height.div_ceil(coarse.height));
        if factor < 2 {
            return None;
        }
        let grid = GridSize { width: width.div_ceil(factor), height: height.div_ceil(factor) };
        let step = 1.0 / factor as f32;
        Some(Self {
            columns: grid.width,
            model: fit(photo, coarse, factor, grid),
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

/// Points of the coarse grid across and down.
#[derive(Debug, Clone, Copy)]
struct GridSize {
    width: usize,
    height: usize,
}

/// The model at every grid point that an undecided pixel can ask for; zero elsewhere.
///
/// Works in strips of rows, between the first and last undecided column of each: what one strip
/// needs fits in the second-level cache.
fn fit(photo: &RgbImage, coarse: &Coarse, factor: usize, grid: GridSize) -> Vec<[f32; 4]> {
    const STRIP: usize = 32;
    let mut model = vec![[0.0; 4]; grid.width * grid.height];
    for top in (0..grid.height).step_by(STRIP) {
        let rows = top..(top + STRIP).min(grid.height);
        let Some(columns) = coarse.undecided_columns(grid, &rows) else { continue };
        let patch = Patch::new(photo, coarse, factor, grid, (&columns, &rows));
        let fitted = patch.fit();
        for row in rows {
            let from = (row - patch.top) * patch.width + columns.start - patch.left;
            model[row * grid.width..][columns.clone()]
                .copy_from_slice(&fitted[from..from + columns.len()]);
        }
    }
    model
}

impl Coarse {
    /// The grid columns that undecided pixels read in some of the grid's rows, if there are any.
    fn undecided_columns(&self, grid: GridSize, rows: &Range<usize>) -> Option<Range<usize>> {
        let vertical = Scale { from: grid.height, to: self.height };
        let horizontal = Scale { from: self.width, to: grid.width };
        let cells = vertical.widened(rows.start.saturating_sub(1)..rows.end + 1);
        let lines =
            self.cells[cells.start * self.width..cells.end * self.width].chunks_exact(self.width);
        let undecided = |cell: &Cell| *cell == Cell::Undecided;
        let left = lines.clone().filter_map(|line| line.iter().position(undecided)).min()?;
        let right = lines.filter_map(|line| line.iter().rposition(undecided)).max()?;
        Some(horizontal.widened(left..right + 1))
    }
}

/// From the positions of one grid to those of another over the same photo.
struct Scale {
    from: usize,
    to: usize,
}

impl Scale {
    /// A range rounded outwards, and one more on either side that interpolation may read.
    fn widened(&self, range: Range<usize>) -> Range<usize> {
        let start = (range.start * self.to / self.from).saturating_sub(2);
        let end = (range.end * self.to).div_ceil(self.from) + 2;
        start..end.min(self.to)
    }
}

/// A rectangle of the grid with the borders that its windows reach into, a plane a channel.
struct Patch {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// Red, green, blue in 0…1.
    guide: [Vec<f32>; 3],
    matte: Vec<f32>,
}

impl Patch {
    fn new(
        photo: &RgbImage,
        coarse: &Coarse,
        factor: usize,
        grid: GridSize,
        (columns, rows): (&Range<usize>, &Range<usize>),
    ) -> Self {
        // Windows of windows: statistics first, then the mean of the models.
        const REACH: usize = 2 * RADIUS;
        let (left, top) = (columns.start.saturating_sub(REACH), rows.start.saturating_sub(REACH));
        let (width, height) = (
            (columns.end + REACH).min(grid.width) - left,
            (rows.end + REACH).min(grid.height) - top,
        );
        let across = Axis::new(grid.width, coarse.width);
        let down = Axis::new(grid.height, coarse.height);
        let mut matte = Vec::with_capacity(width * height);
        for y in top..top + height {
            let row = (left..left + width).map(|x| coarse.interpolated(across.at(x), down.at(y)));
            matte.extend(row);
        }
        let blocks = Blocks { left, top, width, height, factor };
        Self { left, top, width, height, guide: blocks.means(photo), matte }
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
        let model = solve_all(&guide_cov, &matte_cov, &mean, &matte_mean);
        let [r, g, b, constant] = model.map(|plane| self.window_mean(&plane));
        // The photo's samples are bytes: fold the division into the factors.
        let scaled = |[r, g, b, constant]: [f32; 4]| [r / 255.0, g / 255.0, b / 255.0, constant];
        let points = r.iter().zip(&g).zip(&b).zip(&constant);
        points.map(|(((&r, &g), &b), &constant)| scaled([r, g, b, constant])).collect()
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
        const SHARE: f32 = 1.0 / (SIDE * SIDE) as f32;
        let (width, last) = (self.width, self.height - 1);
        let mut means = vec![0.0; plane.len()];
        let mut padded = vec![0.0; width + 2 * RADIUS];
        for (y, out) in means.chunks_exact_mut(width).enumerate() {
            let rows = std::array::from_fn(|offset| {
                let row = (y + offset).saturating_sub(RADIUS).min(last);
                &plane[row * width..][..width]
            });
            let column_sums = &mut padded[RADIUS..RADIUS + width];
            add(rows, column_sums, 1.0);
            let (first, last) = (column_sums[0], column_sums[width - 1]);
            padded[..RADIUS].fill(first);
            padded[RADIUS + width..].fill(last);
            add(std::array::from_fn(|offset| &padded[offset..][..width]), out, SHARE);
        }
        means
    }
}

/// The scaled sum of the lines of a window, written out so that it becomes vector code.
fn add([a, b, c, d, e]: [&[f32]; SIDE], out: &mut [f32], scale: f32) {
    let length = out.len();
    let (a, b, c, d, e) = (&a[..length], &b[..length], &c[..length], &d[..length], &e[..length]);
    for (x, sum) in out.iter_mut().enumerate() {
        *sum = (a[x] + b[x] + c[x] + d[x] + e[x]) * scale;
    }
}

/// The model of every window: three planes of factors and one of constants.
fn solve_all(
    guide_cov: &[Vec<f32>; 6],
    matte_cov: &[Vec<f32>; 3],
    mean: &[Vec<f32>; 3],
    matte_mean: &[f32],
) -> [Vec<f32>; 4] {
    // Slices of one known length: the loop then needs no checks and becomes vector code.
    let length = matte_mean.len();
    let guide_cov = guide_cov.each_ref().map(|plane| &plane[..length]);
    let matte_cov = matte_cov.each_ref().map(|plane| &plane[..length]);
    let mean = mean.each_ref().map(|plane| &plane[..length]);
    let mut model: [Vec<f32>; 4] = std::array::from_fn(|_| vec![0.0; length]);
    let [red, green, blue, constant] = model.each_mut().map(|plane| &mut plane[..length]);
    for at in 0..length {
        let factors = solve(guide_cov.map(|plane| plane[at]), matte_cov.map(|plane| plane[at]));
        [red[at], green[at], blue[at]] = factors;
        constant[at] = matte_mean[at]
            - factors[0] * mean[0][at]
            - factors[1] * mean[1][at]
            - factors[2] * mean[2][at];
    }
    model
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

/// A rectangle of square blocks of a photo; those at its right and bottom end may be partial.
struct Blocks {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// Side of a block in pixels.
    factor: usize,
}

impl Blocks {
    /// Means of the blocks in 0…1, a plane each of red, green and blue.
    fn means(&self, photo: &RgbImage) -> [Vec<f32>; 3] {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let mut planes = std::array::from_fn(|_| Vec::with_capacity(self.width * self.height));
        let mut sums = vec![[0_u32; 3]; self.width];
        let left = self.left * self.factor;
        let right = ((self.left + self.width) * self.factor).min(width);
        for block_row in self.top..self.top + self.height {
            let top = block_row * self.factor;
            let bottom = (top + self.factor).min(height);
            sums.fill([0; 3]);
            for y in top..bottom {
                let row = &photo.as_raw()[(y * width + left) * 3..(y * width + right) * 3];
                add_blocks(row, self.factor, &mut sums);
            }
            for (column, sum) in sums.iter().enumerate() {
                let columns = self.factor.min(right - left - column * self.factor);
                let scale = 1.0 / (255 * (bottom - top) * columns) as f32;
                for (plane, &sum) in planes.iter_mut().zip(sum) {
                    plane.push(sum as f32 * scale);
                }
            }
        }
        planes
    }
}

fn add_blocks(row: &[u8], factor: usize, sums: &mut [[u32; 3]]) {
    for (sum, block) in sums.iter_mut().zip(row.chunks(factor * 3)) {
        for pixel in block.as_chunks::<3>().0 {
            for (sum, &sample) in sum.iter_mut().zip(pixel) {
                *sum += u32::from(sample);
            }
        }
    }
}
