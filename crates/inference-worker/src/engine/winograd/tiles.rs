//! Cutting images into tiles, and putting tiles together to images.

use super::{
    eight::{self, Eight, LANES},
    transform::{self, IN, OUT},
};

/// Pixels of a line of eight tiles, and of four.
const OF_EIGHT: usize = LANES * OUT;
const OF_FOUR: usize = OF_EIGHT / 2;
const INSIDE: &str = "tiles lie inside of their buffers";

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
        let [down, across] = transform::grid(outputs);
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
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn transform(&self, first: usize, block: usize, layout: Layout, points: &mut [f32]) {
        for lane in (0..block).step_by(LANES) {
            let corners = self.corners(first + lane);
            let panel = lane / layout.width * layout.length + lane % layout.width;
            for (channel, plane) in self.values.chunks_exact(self.height * self.width).enumerate() {
                let mut rows = [[Eight::splat(0.0); IN]; IN];
                for (y, row) in rows.iter_mut().enumerate() {
                    *row = row_of(plane, corners.map(|corner| corner + y * self.width));
                }
                let at = panel + channel * layout.width;
                let matrices = points.chunks_exact_mut(layout.stride);
                for (matrix, values) in matrices.zip(transform::input(rows).as_flattened()) {
                    values.store(leading_mut(&mut matrix[at..]));
                }
            }
        }
    }

    /// Where eight tiles begin in each plane; past the last one, that one again.
    fn corners(&self, first: usize) -> [usize; LANES] {
        std::array::from_fn(|lane| {
            let tile = (first + lane).min(self.tiles - 1);
            (tile / self.across * self.width + tile % self.across) * OUT
        })
    }
}

/// Six values from each of eight places: the first ones, the second ones and so on.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn row_of(plane: &[f32], places: [usize; LANES]) -> [Eight; IN] {
    let four = |from| eight::columns(places.map(|place| leading(&plane[place + from..])));
    let ([d0, d1, d2, d3], [_, _, d4, d5]) = (four(0), four(IN - OUT));
    [d0, d1, d2, d3, d4, d5]
}

#[inline]
fn leading<const COUNT: usize>(values: &[f32]) -> &[f32; COUNT] {
    values.first_chunk().expect(INSIDE)
}

#[inline]
fn leading_mut<const COUNT: usize>(values: &mut [f32]) -> &mut [f32; COUNT] {
    values.first_chunk_mut().expect(INSIDE)
}

/// The images that are put together from products.
pub(super) struct Planes<'a> {
    /// `[rows, columns]` after `[rows, columns]`, one for each channel.
    pub(super) values: &'a mut [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Added to all values of a channel.
    pub(super) bias: &'a [f32],
}

impl Planes<'_> {
    /// Writes the pixels of `block` tiles from `first` on, from the products: `stride` values for
    /// each point, and of these `block` for each channel.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn finish(&mut self, first: usize, block: usize, products: &[f32], stride: usize) {
        let (rows, columns) = (self.rows, self.columns);
        let [down, across] = transform::grid([rows, columns]);
        for lane in (0..block.min(down * across - first)).step_by(LANES) {
            let runs = self.runs(first + lane);
            let planes = self.values.chunks_exact_mut(rows * columns).zip(self.bias);
            for (channel, (plane, bias)) in planes.enumerate() {
                let bias = Eight::splat(*bias);
                let mut points = [[Eight::splat(0.0); IN]; IN];
                let matrices = products.chunks_exact(stride);
                for (point, matrix) in points.as_flattened_mut().iter_mut().zip(matrices) {
                    *point = Eight::load(leading(&matrix[channel * block + lane..]));
                }
                for (y, row) in transform::output(&points).into_iter().enumerate() {
                    let line = eight::rows(row.map(|pixel| pixel.plus(1.0, bias)));
                    for run in runs.iter().filter(|run| y < run.height) {
                        let start = run.start + y * columns;
                        store(&line.as_flattened()[run.from..], &mut plane[start..][..run.width]);
                    }
                }
            }
        }
    }

    /// Where eight tiles lie in each plane; those past the last one nowhere.
    fn runs(&self, first: usize) -> Vec<Run> {
        let [down, across] = transform::grid([self.rows, self.columns]);
        let ends = down * across;
        let mut runs = Vec::new();
        let mut tile = first;
        while tile < ends.min(first + LANES) {
            let (top, left) = (tile / across * OUT, tile % across * OUT);
            let tiles = (across - tile % across).min(first + LANES - tile);
            runs.push(Run {
                from: (tile - first) * OUT,
                start: top * self.columns + left,
                height: (self.rows - top).min(OUT),
                width: (self.columns - left).min(tiles * OUT),
            });
            tile += tiles;
        }
        runs
    }
}

/// Tiles side by side: in lines of eight tiles `from` there on, in a plane from `start` on, `width`
/// pixels in each of `height` rows.
struct Run {
    from: usize,
    start: usize,
    height: usize,
    width: usize,
}

/// As many of the values as there is room for; the lengths that are usual without a call.
#[inline]
fn store(values: &[f32], to: &mut [f32]) {
    match to.len() {
        OF_EIGHT => *leading_mut::<OF_EIGHT>(to) = *leading(values),
        OF_FOUR => *leading_mut::<OF_FOUR>(to) = *leading(values),
        length => to.copy_from_slice(&values[..length]),
    }
}
