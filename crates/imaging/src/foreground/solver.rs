//! The per-pixel step: two unknown colours, one mixed colour, four neighbours.

/// Weight of the smoothness term where alpha does not change (the paper's ε).
const REGULARIZATION: f32 = 1e-5;

/// Red, green, blue, 0…255, and a fourth lane: four lanes fill a vector register.
pub(super) type Colour = [f32; 4];

/// What is known and sought of one pixel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pixel {
    /// The photo's colour; alpha in 0…1 in the fourth lane.
    pub(super) image: Colour,
    pub(super) fore: Colour,
    pub(super) back: Colour,
}

/// A rectangle of a level with a border of one pixel on every side, in row-major order.
///
/// The border takes part as neighbours only.
pub(super) struct Window {
    /// Columns including the border.
    pub(super) stride: usize,
    pub(super) pixels: Vec<Pixel>,
    /// Positions to solve, in the order to solve them.
    unknown: Vec<u32>,
}

impl Window {
    /// An empty window, to be filled; buffers are reused from window to window.
    pub(super) fn new() -> Self {
        Self { stride: 0, pixels: Vec::new(), unknown: Vec::new() }
    }

    /// Sets the size, border not counted. Contents are left over and must all be written.
    pub(super) fn resize(&mut self, width: usize, height: usize) {
        self.stride = width + 2;
        self.pixels.resize(self.stride * (height + 2), Pixel::default());
    }

    /// Positions that [`Window::relax`] solved.
    pub(super) fn unknown(&self) -> &[u32] {
        &self.unknown
    }

    /// Gauss–Seidel sweeps over the pixels that alpha leaves undecided, or over all.
    ///
    /// Pixels are visited by diagonals: each still sees its left and upper neighbour solved and
    /// its right and lower one not, as row by row, but neighbours in this order do not wait for
    /// each other, which lets the processor overlap them.
    pub(super) fn relax(&mut self, sweeps: usize, all: bool) {
        self.list_unknown(all);
        for _ in 0..sweeps {
            for &at in &self.unknown {
                solve(&mut self.pixels, self.stride, at as usize);
            }
        }
    }

    fn list_unknown(&mut self, all: bool) {
        let (width, height) = (self.stride - 2, self.pixels.len() / self.stride - 2);
        self.unknown.clear();
        for diagonal in 0..width + height - 1 {
            let rows = diagonal.saturating_sub(width - 1)..(diagonal + 1).min(height);
            for row in rows {
                let at = (row + 1) * self.stride + 1 + diagonal - row;
                let alpha = self.pixels[at].image[3];
                if all || (alpha > 0.0 && alpha < 1.0) {
                    self.unknown.push(at as u32);
                }
            }
        }
    }
}

fn solve(pixels: &mut [Pixel], stride: usize, at: usize) {
    let image = pixels[at].image;
    let alpha = image[3];
    let rest = 1.0 - alpha;
    let (mut ff, fb, mut bb) = (alpha * alpha, alpha * rest, rest * rest);
    let mut fore = image.map(|c| alpha * c);
    let mut back = image.map(|c| rest * c);
    for neighbour in [at + 1, at + stride, at - stride, at - 1] {
        let near = &pixels[neighbour];
        let weight = REGULARIZATION + (alpha - near.image[3]).abs();
        ff += weight;
        bb += weight;
        for c in 0..4 {
            fore[c] += weight * near.fore[c];
            back[c] += weight * near.back[c];
        }
    }
    let scale = 1.0 / (ff * bb - fb * fb);
    let (ff, fb, bb) = (ff * scale, fb * scale, bb * scale);
    let pixel = &mut pixels[at];
    for c in 0..4 {
        pixel.fore[c] = (bb * fore[c] - fb * back[c]).clamp(0.0, 255.0);
        pixel.back[c] = (ff * back[c] - fb * fore[c]).clamp(0.0, 255.0);
    }
}
