//! The levels of the estimation, from one pixel to the photo's own size.

use image::{GrayImage, RgbImage};

use super::solver::{Colour, Pixel, Window};
use crate::tiles::{TILE, TileMap};

/// Levels up to this side are solved whole, with more sweeps up to [`SMALL`] (the paper's choice).
const WHOLE: usize = 64;
const SMALL: usize = 32;
const SMALL_SWEEPS: usize = 10;
const SWEEPS: usize = 2;

/// Levels above this many pixels are skipped: 32 bytes a pixel are kept for each level. The last
/// step, to the photo's own size, keeps no level and may be any factor.
const LARGEST_LEVEL: usize = 1 << 21;

/// Foreground in the first four lanes, background in the last: plain numbers, so that the memory of
/// tiles nobody touches is never claimed.
type Colours = [f32; 8];

fn pair([a, b, c, d]: Colour, [e, f, g, h]: Colour) -> Colours {
    [a, b, c, d, e, f, g, h]
}

fn halves(&[a, b, c, d, e, f, g, h]: &Colours) -> (Colour, Colour) {
    ([a, b, c, d], [e, f, g, h])
}

/// Foreground and background colours of one level, row-major.
pub(super) struct Level {
    width: usize,
    height: usize,
    colours: Vec<Colours>,
}

impl Level {
    fn empty(width: usize, height: usize) -> Self {
        Self { width, height, colours: vec![[0.0; 8]; width * height] }
    }

    fn row(&self, row: usize) -> &[Colours] {
        &self.colours[row * self.width..][..self.width]
    }
}

/// Solves all stored levels; returns the finest.
pub(super) fn solve(photo: &RgbImage, matte: &GrayImage, tiles: &TileMap) -> Level {
    let source = Source { photo, matte };
    let (width, height) = source.size();
    let steps = width.max(height).next_power_of_two().ilog2().max(1);
    let mut level = source.mean_colours();
    let mut window = Window::new();
    for step in 0..steps {
        let side = |full: usize| {
            let exponent = f64::from(step) / f64::from(steps);
            (full as f64).powf(exponent).round() as usize
        };
        let (w, h) = (side(width), side(height));
        if w * h > LARGEST_LEVEL {
            break;
        }
        level = if w <= WHOLE && h <= WHOLE {
            source.whole_level(&level, w, h, &mut window)
        } else {
            source.sparse_level(&level, w, h, tiles, &mut window)
        };
    }
    level
}

/// The last step: writes foreground colours into the photo where the matte is undecided.
///
/// Tiles are visited row by row. What a tile reads of its neighbours is either decided (never
/// written), or already solved, or taken from the coarse level.
pub(super) fn finish(photo: &mut RgbImage, matte: &GrayImage, tiles: &TileMap, coarse: &Level) {
    let mut window = Window::new();
    let (columns, rows) = tiles.counts();
    let (width, height) = (matte.width() as usize, matte.height() as usize);
    let sampling = Sampling::new((width, height), (width, height), coarse);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        if !tiles.is_undecided(column, row) {
            continue;
        }
        let area = Area::tile(column, row, width, height);
        let source = Source { photo, matte };
        source.load(&area, &sampling, coarse, &mut window);
        window.relax(SWEEPS, false);
        for &at in window.unknown() {
            let (x, y) = area.position(at as usize, window.stride);
            let [r, g, b, _] = window.pixels[at as usize].fore.map(|c| (c + 0.5) as u8);
            photo.put_pixel(x as u32, y as u32, image::Rgb([r, g, b]));
        }
    }
}

/// A rectangle of a level, in that level's pixels.
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Area {
    fn tile(column: usize, row: usize, level_width: usize, level_height: usize) -> Self {
        let (left, top) = (column * TILE, row * TILE);
        Self {
            left,
            top,
            width: TILE.min(level_width - left),
            height: TILE.min(level_height - top),
        }
    }

    /// Level position of a window index.
    fn position(&self, at: usize, stride: usize) -> (usize, usize) {
        (self.left + at % stride - 1, self.top + at / stride - 1)
    }
}

/// Where a level's columns and rows lie in the photo and in the parent level, nearest pixel, with
/// one entry more at either end for a window's border.
struct Sampling {
    columns: Vec<(u32, u32)>,
    rows: Vec<(u32, u32)>,
}

impl Sampling {
    fn new(full: (usize, usize), level: (usize, usize), parent: &Level) -> Self {
        let axis = |full: usize, level: usize, parent: usize| {
            (0..level + 2)
                .map(|at| at.saturating_sub(1).min(level - 1))
                .map(|at| ((at * full / level) as u32, (at * parent / level) as u32))
                .collect()
        };
        Self {
            columns: axis(full.0, level.0, parent.width),
            rows: axis(full.1, level.1, parent.height),
        }
    }
}

/// The photo and its matte, sampled at the nearest pixel for every level.
struct Source<'a> {
    photo: &'a RgbImage,
    matte: &'a GrayImage,
}

impl Source<'_> {
    fn size(&self) -> (usize, usize) {
        (self.matte.width() as usize, self.matte.height() as usize)
    }

    /// The 1×1 start: mean colours of clear foreground and clear background, over a sparse grid.
    fn mean_colours(&self) -> Level {
        const SAMPLES: usize = 1 << 16;
        let (width, height) = self.size();
        let step = (width * height).div_ceil(SAMPLES).isqrt().max(1);
        let mut sums = [[0.0_f64; 4]; 2];
        for y in (0..height).step_by(step) {
            for x in (0..width).step_by(step) {
                let at = y * width + x;
                let side = match self.matte.as_raw()[at] {
                    230.. => 0,
                    ..=25 => 1,
                    _ => continue,
                };
                let colour = &self.photo.as_raw()[at * 3..at * 3 + 3];
                for (sum, &sample) in sums[side].iter_mut().zip(colour) {
                    *sum += f64::from(sample);
                }
                sums[side][3] += 1.0;
            }
        }
        let mean = |[r, g, b, count]: [f64; 4]| {
            [r, g, b, 0.0].map(|sum: f64| (sum / (count + 1e-5)) as f32)
        };
        Level { width: 1, height: 1, colours: vec![pair(mean(sums[0]), mean(sums[1]))] }
    }

    fn whole_level(&self, parent: &Level, w: usize, h: usize, window: &mut Window) -> Level {
        let area = Area { left: 0, top: 0, width: w, height: h };
        let sampling = Sampling::new(self.size(), (w, h), parent);
        self.load(&area, &sampling, parent, window);
        let small = w <= SMALL && h <= SMALL;
        window.relax(if small { SMALL_SWEEPS } else { SWEEPS }, true);
        let mut level = Level::empty(w, h);
        store(&area, window, &mut level);
        level
    }

    fn sparse_level(
        &self,
        parent: &Level,
        w: usize,
        h: usize,
        tiles: &TileMap,
        window: &mut Window,
    ) -> Level {
        let mut level = Level::empty(w, h);
        let (width, height) = self.size();
        let sampling = Sampling::new((width, height), (w, h), parent);
        for row in 0..h.div_ceil(TILE) {
            for column in 0..w.div_ceil(TILE) {
                let area = Area::tile(column, row, w, h);
                let across = (area.left * width / w, (area.left + area.width) * width / w);
                let down = (area.top * height / h, (area.top + area.height) * height / h);
                if tiles.touches(across, down) {
                    self.load(&area, &sampling, parent, window);
                    window.relax(SWEEPS, false);
                    store(&area, window, &mut level);
                }
            }
        }
        level
    }

    /// Fills a window with an area of a level and its border.
    ///
    /// Colours start from the parent level; what alpha decides is set from the photo.
    fn load(&self, area: &Area, sampling: &Sampling, parent: &Level, window: &mut Window) {
        window.resize(area.width, area.height);
        let width = self.photo.width() as usize;
        let columns = &sampling.columns[area.left..][..window.stride];
        let rows = &sampling.rows[area.top..][..area.height + 2];
        let lines = window.pixels.chunks_exact_mut(window.stride);
        for (line, &(source_row, parent_row)) in lines.zip(rows) {
            let source_row = source_row as usize * width;
            let inherited = parent.row(parent_row as usize);
            let alphas = &self.matte.as_raw()[source_row..][..width];
            let colours = &self.photo.as_raw().as_chunks::<3>().0[source_row..][..width];
            for (pixel, &(source, parent)) in line.iter_mut().zip(columns) {
                let alpha = alphas[source as usize];
                let [r, g, b] = colours[source as usize].map(f32::from);
                let image = [r, g, b, f32::from(alpha) / 255.0];
                let (fore, back) = halves(&inherited[parent as usize]);
                *pixel = Pixel {
                    image,
                    fore: if alpha == 255 { image } else { fore },
                    back: if alpha == 0 { image } else { back },
                };
            }
        }
    }
}

fn store(area: &Area, window: &Window, level: &mut Level) {
    for row in 0..area.height {
        let from = (row + 1) * window.stride + 1;
        let to = (area.top + row) * level.width + area.left;
        let solved = &window.pixels[from..from + area.width];
        for (colours, pixel) in level.colours[to..to + area.width].iter_mut().zip(solved) {
            *colours = pair(pixel.fore, pixel.back);
        }
    }
}
