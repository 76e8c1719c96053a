//! A second look at every photo that has a subject.
//!
//! A network sees every photo at the same few pixels. A small subject is given few of them, and its
//! outline and its thin parts are lost. So a network, the same or another, is shown the subject's
//! surroundings alone, or the whole photo again where the subject fills it, as a mirror image, of which
//! the mistakes are others. What is said of both is put together: the mean of the log-odds, which is how opinions of
//! probabilities are pooled (Genest and Zidek 1986).

use crate::bilinear::{Axis, Between, interpolated};
use crate::{ImagingError, Matte, Size};

/// From this matte value on a place counts as the subject's when its box is drawn.
const PRESENT: f32 = 0.35;
/// Share of those places that may lie beyond the box on each side: specks do not widen it.
const STRAY: f32 = 0.005;
/// Share of the matte below which there is no subject to look at.
const LEAST: f32 = 5e-4;
/// Share of the photo's side that is kept around the box besides its margin.
const BORDER: f32 = 1.0 / 64.0;
/// Weight of the second look.
const WEIGHT: f32 = 0.5;
/// Share of the region's side over which that weight rises from nothing, so that no seam shows.
const FEATHER: f32 = 0.06;
/// How much finer than the network's matte the merged one may become along a side.
const MOST_FINER: u32 = 4;
/// Values nearer to 0 or 1 than this count as this: a network that is sure cannot outvote another
/// that is sure of the contrary.
const DOUBT: f32 = 1e-4;

/// What to look at the second time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecondLook {
    /// The whole photo unless the region is less than this share of it, 0…1.
    pub below: f32,
    /// How much of the subject's width and height is kept around it on each side, 0…1.
    pub margin: f32,
}

/// A rectangle of a photo's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Columns left of it.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Its columns and rows.
    pub size: Size,
}

impl Region {
    /// The region that a photo of size `photo` is.
    #[must_use]
    pub fn whole(photo: Size) -> Self {
        Self { left: 0, top: 0, size: photo }
    }
}

impl SecondLook {
    /// What of a photo of size `photo` is worth a second look after the first one gave `matte`: the
    /// subject and its surroundings, all of the photo where the subject fills it, or nothing where
    /// there is no subject.
    #[must_use]
    pub fn region(&self, matte: &Matte, photo: Size) -> Option<Region> {
        let (width, height) = (matte.width() as usize, matte.height() as usize);
        let (mut columns, mut rows) = (vec![0; width], vec![0; height]);
        for (at, _) in matte.values().iter().enumerate().filter(|&(_, &value)| value >= PRESENT) {
            columns[at % width] += 1;
            rows[at / width] += 1;
        }
        let present: u32 = rows.iter().sum();
        if (present as f32) < LEAST * (width * height) as f32 {
            return None;
        }
        let (left, across) = self.span(&columns, photo.width);
        let (top, down) = self.span(&rows, photo.height);
        let region = Region { left, top, size: Size::new(across, down) };
        let share = region.size.pixels() as f32 / photo.pixels() as f32;
        Some(if share < self.below { region } else { Region::whole(photo) })
    }

    /// First pixel and number of pixels along one side, of so many.
    fn span(&self, present: &[u32], pixels: u32) -> (u32, u32) {
        let stray = present.iter().sum::<u32>() as f32 * STRAY;
        let strays = |counts: &mut dyn Iterator<Item = &u32>| {
            let mut seen = 0;
            counts
                .take_while(|&&count| {
                    seen += count;
                    seen as f32 <= stray
                })
                .count()
        };
        let share = |at: usize| at as f32 / present.len() as f32;
        let from = share(strays(&mut present.iter()));
        let to = share(present.len() - strays(&mut present.iter().rev()));
        let margin = self.margin * (to - from) + BORDER;
        let start = ((from - margin).max(0.0) * pixels as f32) as u32;
        let end = ((to + margin).min(1.0) * pixels as f32).ceil() as u32;
        (start, end.min(pixels) - start)
    }
}

/// The mattes of a whole photo of size `photo` and of its `region`, put together, at about the
/// second one's resolution.
///
/// # Errors
/// [`ImagingError::MismatchedSize`] for a region without pixels.
pub fn merged(
    whole: &Matte,
    closer: &Matte,
    region: Region,
    photo: Size,
) -> Result<Matte, ImagingError> {
    if region.size.pixels() == 0 {
        return Err(ImagingError::MismatchedSize("empty region".into()));
    }
    let of_all = region == Region::whole(photo);
    if of_all && (whole.width(), whole.height()) == (closer.width(), closer.height()) {
        return cell_by_cell(whole, closer);
    }
    let across =
        Side::new((whole.width(), closer.width()), photo.width, (region.left, region.size.width));
    let down = Side::new(
        (whole.height(), closer.height()),
        photo.height,
        (region.top, region.size.height),
    );
    if of_all {
        return place_by_place(whole, closer, &across, &down);
    }
    let (whole_odds, closer_odds) = (log_odds(whole), log_odds(closer));
    let (whole_width, closer_width) = (whole.width() as usize, closer.width() as usize);
    let mut values = Vec::with_capacity(across.cells * down.cells);
    for y in 0..down.cells {
        let below = down.closer(y);
        values.extend((0..across.cells).map(|x| {
            let first =
                interpolated(&whole_odds, whole_width, across.whole.at(x), down.whole.at(y));
            let odds = match (across.closer(x), below) {
                (Some((column, across)), Some((row, down))) => {
                    let second = interpolated(&closer_odds, closer_width, column, row);
                    first + (second - first) * WEIGHT * across * down
                }
                _ => first,
            };
            1.0 / (1.0 + (-odds).exp())
        }));
    }
    Matte::new(values, across.cells as u32, down.cells as u32)
}

/// Two mattes of the same cells put together.
fn cell_by_cell(one: &Matte, other: &Matte) -> Result<Matte, ImagingError> {
    let pairs = one.values().iter().zip(other.values());
    let values = pairs.map(|(&one, &other)| even_mean(one, other)).collect();
    Matte::new(values, one.width(), one.height())
}

/// Two mattes of the same photo, but of other cells, put together. What lies between cells is taken
/// from their values, not from their log-odds, which would take several times as long.
fn place_by_place(
    one: &Matte,
    other: &Matte,
    across: &Side,
    down: &Side,
) -> Result<Matte, ImagingError> {
    let (one_width, other_width) = (one.width() as usize, other.width() as usize);
    let mut values = Vec::with_capacity(across.cells * down.cells);
    for (y, &(row, _)) in down.closer.iter().enumerate() {
        values.extend(across.closer.iter().enumerate().map(|(x, &(column, _))| {
            let (whole_column, whole_row) = (across.whole.at(x), down.whole.at(y));
            even_mean(
                interpolated(one.values(), one_width, whole_column, whole_row),
                interpolated(other.values(), other_width, column, row),
            )
        }));
    }
    Matte::new(values, across.cells as u32, down.cells as u32)
}

/// The value whose log-odds are the mean of two values': by geometric means, which are several
/// times as fast as logarithms.
fn even_mean(one: f32, other: f32) -> f32 {
    const { assert!(WEIGHT == 0.5) };
    let (one, other) = (one.clamp(DOUBT, 1.0 - DOUBT), other.clamp(DOUBT, 1.0 - DOUBT));
    let (present, absent) = ((one * other).sqrt(), ((1.0 - one) * (1.0 - other)).sqrt());
    present / (present + absent)
}

fn log_odds(matte: &Matte) -> Vec<f32> {
    let odds = |&value: &f32| {
        let value = value.clamp(DOUBT, 1.0 - DOUBT);
        (value / (1.0 - value)).ln()
    };
    matte.values().iter().map(odds).collect()
}

/// Where the merged matte's cells along one side lie in the two that it is made of.
struct Side {
    cells: usize,
    whole: Axis,
    /// The first cell within the region.
    start: usize,
    /// Place in the second matte, and how much it counts there.
    closer: Vec<(Between, f32)>,
}

impl Side {
    /// Of mattes of `whole` and `closer` cells over a side of `photo` pixels, and `length` of them
    /// from `start` on.
    fn new((whole, closer): (u32, u32), photo: u32, (start, length): (u32, u32)) -> Self {
        let wanted = u64::from(closer) * u64::from(photo) / u64::from(length);
        // The edge step sharpens only what is coarser than the photo.
        let most = (whole * MOST_FINER).min(photo / 2).max(whole);
        let cells = wanted.clamp(u64::from(whole), u64::from(most)) as u32;
        let open = (start > 0, start + length < photo);
        // The cell's centre as a share of the region.
        let share = |cell: u32| {
            let pixel = (cell as f32 + 0.5) * photo as f32 / cells as f32;
            (pixel - start as f32) / length as f32
        };
        let inside = |cell: &u32| (0.0..1.0).contains(&share(*cell));
        let place = |cell| {
            let share = share(cell);
            (Between::new(share * closer as f32 - 0.5, closer as usize), rise(share, open))
        };
        Self {
            cells: cells as usize,
            whole: Axis::new(cells as usize, whole as usize),
            start: (0..cells).find(inside).unwrap_or(cells) as usize,
            closer: (0..cells).filter(inside).map(place).collect(),
        }
    }

    fn closer(&self, cell: usize) -> Option<(Between, f32)> {
        self.closer.get(cell.checked_sub(self.start)?).copied()
    }
}

/// How much the second look counts at a share of the region's side: less towards an end that is
/// open, that is, not the photo's own.
fn rise(share: f32, (before, after): (bool, bool)) -> f32 {
    let from = |open: bool, distance: f32| if open { (distance / FEATHER).min(1.0) } else { 1.0 };
    from(before, share).min(from(after, 1.0 - share))
}
