//! Cutting images into tiles, and putting tiles together to images.

use wide::f32x4;

use super::transform::{self, IN, LANES, OUT};

/// How the matrices of a block of tiles lie in memory, one for each point: panels of `width` tiles,
/// `length` values each, and in a panel channel after channel.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Values of a matrix, and of the gap after it.
    pub(super) stride: usize,
    /// Values of a panel.
    pub(super) length: usize,
    /// Tiles of a panel.
    pub(super) width: usize,
}

/// An image with zeros around it, so that every tile lies inside.
pub(super) struct Padded {
    values: Vec<f32>,
    height: usize,
    width: usize,
    across: usize,
    tiles: usize,
}

impl Padded {
    /// An image of this shape, `[C, H, W]`, with zeros above and to its left, and as many below and
    /// to its right as tiles of `[rows, columns]` of output need.
    pub(super) fn new(
        image: &[f32],
        [channels, rows, columns]: [usize; 3],
        [top, left]: [usize; 2],
        outputs: [usize; 2],
    ) -> Self {
        let [down, across] = outputs.map(|side| side.div_ceil(OUT));
        let (height, width) = (down * OUT + IN - OUT, across * OUT + IN - OUT);
        let mut values = vec![0.0; channels * height * width];
        let planes =
            values.chunks_exact_mut(height * width).zip(image.chunks_exact(rows * columns));
        for (padded, plane) in planes {
            let lines = padded.chunks_exact_mut(width).skip(top).zip(plane.chunks_exact(columns));
            for (to, from) in lines {
                let wide = columns.min(width - left);
                to[left..left + wide].copy_from_slice(&from[..wide]);
            }
        }
        Self { values, height, width, across, tiles: down * across }
    }

    pub(super) fn tiles(&self) -> usize {
        self.tiles
    }

    /// Writes the points of `block` tiles from `first` on.
    pub(super) fn transform(&self, first: usize, block: usize, layout: Layout, points: &mut [f32]) {
        for lane in (0..block).step_by(LANES) {
            let corners = self.corners(first + lane);
            let panel = lane / layout.width * layout.length + lane % layout.width;
            for (channel, plane) in self.values.chunks_exact(self.height * self.width).enumerate() {
                let row = |y| row_of(plane, corners.map(|corner| corner + y * self.width));
                let tile = transform::input(row);
                let at = panel + channel * layout.width;
                let matrices = points.chunks_exact_mut(layout.stride);
                for (matrix, values) in matrices.zip(tile.as_flattened()) {
                    matrix[at..at + LANES].copy_from_slice(values.as_array());
                }
            }
        }
    }

    /// Where four tiles begin in each plane; past the last one, that one again.
    fn corners(&self, first: usize) -> [usize; LANES] {
        std::array::from_fn(|lane| {
            let tile = (first + lane).min(self.tiles - 1);
            (tile / self.across * self.width + tile % self.across) * OUT
        })
    }
}

/// Six values from each of four places: the first ones, the second ones and so on.
#[inline(always)]
fn row_of(plane: &[f32], places: [usize; LANES]) -> [f32x4; IN] {
    let four = |from: usize| f32x4::transpose(places.map(|place| load(&plane[place + from..])));
    let ([d0, d1, d2, d3], [_, _, d4, d5]) = (four(0), four(IN - LANES));
    [d0, d1, d2, d3, d4, d5]
}

#[inline(always)]
fn load(values: &[f32]) -> f32x4 {
    f32x4::new(*values.first_chunk().expect("tiles lie inside of their buffers"))
}

/// Writes the pixels of `block` tiles from `first` on to a plane of `columns` columns, from the
/// products, `stride` values for each point, in which those of its channel begin at `start`.
pub(super) fn finish(
    products: &[f32],
    [stride, start]: [usize; 2],
    [first, block]: [usize; 2],
    bias: f32,
    plane: &mut [f32],
    columns: usize,
) {
    let (rows, across) = (plane.len() / columns, columns.div_ceil(OUT));
    let tiles = rows.div_ceil(OUT) * across;
    let bias = f32x4::splat(bias);
    for lane in (0..block.min(tiles - first)).step_by(LANES) {
        let mut points = [[f32x4::ZERO; IN]; IN];
        let matrices = products.chunks_exact(stride);
        for (point, matrix) in points.as_flattened_mut().iter_mut().zip(matrices) {
            *point = load(&matrix[start + lane..]);
        }
        let lines = transform::output(&points).map(|row| f32x4::transpose(row.map(|v| v + bias)));
        for which in 0..LANES.min(tiles - first - lane) {
            let tile = first + lane + which;
            let (top, left) = (tile / across * OUT, tile % across * OUT);
            for (y, line) in lines.iter().enumerate().take(rows - top) {
                store(line[which], &mut plane[(top + y) * columns + left..(top + y + 1) * columns]);
            }
        }
    }
}

/// Four values, or as many as there is room for.
#[inline(always)]
fn store(values: f32x4, to: &mut [f32]) {
    match to.first_chunk_mut() {
        Some(to) => *to = values.to_array(),
        None => to.copy_from_slice(&values.as_array()[..to.len()]),
    }
}
