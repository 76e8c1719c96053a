//! Sizes before pixels: what a rotation and a fit make of a size.
//!
//! Pure arithmetic, so that the edge of the service can refuse a request before anything is
//! decoded or allocated, with the same numbers that the pixel code uses later.

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` × `height` pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width times height.
    #[must_use]
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The same picture lying on its side.
    #[must_use]
    pub const fn transposed(self) -> Self {
        Self::new(self.height, self.width)
    }
}

/// The size of a `size` picture after a counter-clockwise rotation by `angle` degrees.
///
/// With `expand` the canvas is the smallest pixel grid that holds the turned picture, computed as
/// Pillow's `Image.rotate(expand=True)` does; without, the canvas keeps its size. A size that does
/// not fit in `u32` saturates. `angle` is expected to be finite; a non-finite one keeps the size.
#[must_use]
pub fn rotated_size(size: Size, angle: f64, expand: bool) -> Size {
    let angle = normalised(angle);
    if !expand || angle == 0.0 || angle == 180.0 {
        return size;
    }
    if angle == 90.0 || angle == 270.0 {
        return size.transposed();
    }
    expanded_size(size, angle)
}

/// The size that `size` is scaled to for the requested `width` and `height`.
///
/// One side given: that side exactly, the other keeps the aspect ratio. Both: the largest size of
/// the same aspect ratio inside them, or exactly them with `exact`. Neither: unchanged. The other
/// side is rounded half up, is at least 1 and, when both are given, never above what was asked. With
/// one side given the other may exceed any limit; check the result.
#[must_use]
pub fn fit_size(size: Size, width: Option<u32>, height: Option<u32>, exact: bool) -> Size {
    match (width, height) {
        (None, None) => size,
        (Some(w), None) => Size::new(w, scaled(size.height, w, size.width)),
        (None, Some(h)) => Size::new(scaled(size.width, h, size.height), h),
        (Some(w), Some(h)) if exact => Size::new(w, h),
        (Some(w), Some(h)) => fit_inside(size, Size::new(w, h)),
    }
}

fn fit_inside(size: Size, bounds: Size) -> Size {
    let width_binds = u64::from(bounds.width) * u64::from(size.height)
        <= u64::from(bounds.height) * u64::from(size.width);
    if width_binds {
        let height = scaled(size.height, bounds.width, size.width);
        Size::new(bounds.width, height.min(bounds.height))
    } else {
        let width = scaled(size.width, bounds.height, size.height);
        Size::new(width.min(bounds.width), bounds.height)
    }
}

/// `side * to / from`, rounded half up, at least 1, saturating.
fn scaled(side: u32, to: u32, from: u32) -> u32 {
    let from = u64::from(from.max(1));
    let doubled = 2 * u64::from(side) * u64::from(to) + from;
    u32::try_from((doubled / (2 * from)).max(1)).unwrap_or(u32::MAX)
}

/// The angle in `[0, 360)`; anything not finite is 0.
pub(crate) fn normalised(angle: f64) -> f64 {
    if !angle.is_finite() {
        return 0.0;
    }
    let turned = angle.rem_euclid(360.0);
    // A tiny negative angle rounds up to the full turn.
    if turned == 360.0 { 0.0 } else { turned }
}

/// Cosine and sine of an angle in degrees, rounded as Pillow does so that sizes agree with it.
pub(crate) fn direction(angle: f64) -> (f64, f64) {
    let radians = angle.to_radians();
    let round = |v: f64| (v * 1e15).round() / 1e15;
    (round(radians.cos()), round(radians.sin()))
}

fn expanded_size(size: Size, angle: f64) -> Size {
    let (cos, sin) = direction(angle);
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    // The order of operations is Pillow's, so that rounding falls the same way.
    let shift_x = cos * (-w / 2.0) - sin * (-h / 2.0) + w / 2.0;
    let shift_y = sin * (-w / 2.0) + cos * (-h / 2.0) + h / 2.0;
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
    let span = |place: &dyn Fn((f64, f64)) -> f64| {
        let places = corners.map(place);
        let low = places.iter().copied().fold(f64::INFINITY, f64::min);
        let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // `as` saturates, which is what a size beyond all limits should do.
        ((high.ceil() - low.floor()) as u32).max(1)
    };
    Size::new(
        span(&|(x, y)| cos * x - sin * y + shift_x),
        span(&|(x, y)| sin * x + cos * y + shift_y),
    )
}
