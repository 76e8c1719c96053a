//! Where a matte is undecided, in square tiles: costly steps look only there.

use image::GrayImage;

/// Side of a tile in pixels.
pub(crate) const TILE: usize = 32;

/// One flag a tile: whether any of its pixels is neither 0 nor 255.
#[derive(Debug)]
pub(crate) struct TileMap {
    columns: usize,
    rows: usize,
    undecided: Vec<bool>,
}

impl TileMap {
    pub(crate) fn of(matte: &GrayImage) -> Self {
        let (width, height) = (matte.width() as usize, matte.height() as usize);
        let (columns, rows) = (width.div_ceil(TILE), height.div_ceil(TILE));
        let mut undecided = vec![false; columns * rows];
        for (y, row) in matte.as_raw().chunks_exact(width.max(1)).enumerate() {
            let flags = &mut undecided[y / TILE * columns..][..columns];
            for (flag, pixels) in flags.iter_mut().zip(row.chunks(TILE)) {
                *flag |= any_undecided(pixels);
            }
        }
        Self { columns, rows, undecided }
    }

    /// Whether no pixel at all is undecided.
    pub(crate) fn is_empty(&self) -> bool {
        !self.undecided.contains(&true)
    }

    /// Whether a rectangle of pixels, widened by one tile on every side, has an undecided tile.
    pub(crate) fn touches(&self, columns: (usize, usize), rows: (usize, usize)) -> bool {
        let first = |at: usize| (at / TILE).saturating_sub(1);
        let (left, right) = (first(columns.0), (columns.1 / TILE + 2).min(self.columns));
        let (top, bottom) = (first(rows.0), (rows.1 / TILE + 2).min(self.rows));
        (top..bottom).any(|row| {
            let flags = &self.undecided[row * self.columns..][..self.columns];
            flags.get(left..right).is_some_and(|f| f.contains(&true))
        })
    }

    /// Whether the tile at this tile position has an undecided pixel.
    pub(crate) fn is_undecided(&self, column: usize, row: usize) -> bool {
        self.undecided[row * self.columns + column]
    }

    /// Tiles across and down.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }
}

/// Adding one maps 255 and 0 to 0 and 1; written as a fold so that it becomes vector code.
fn any_undecided(pixels: &[u8]) -> bool {
    pixels.iter().fold(0, |acc, &a| acc | (a.wrapping_add(1) & 0xFE)) != 0
}
