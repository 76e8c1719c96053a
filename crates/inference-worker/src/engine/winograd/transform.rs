//! The three linear maps of F(4×4, 3×3), on four tiles at a time: a tile of 6×6 inputs gives 4×4 outputs, and between
//! the maps each of the 36 points is a plain product (Lavin and Gray 2015, arXiv 1509.09308, with the points 0, ±1, ±2 and ∞).

use wide::f32x4;

/// Tiles that are transformed together.
pub(super) const LANES: usize = 4;
/// Outputs of a tile, along each side.
pub(super) const OUT: usize = 4;
/// Inputs of a tile, along each side.
pub(super) const IN: usize = 6;
/// Products of a tile.
pub(super) const POINTS: usize = IN * IN;

/// Taps of a kernel, along each side.
const TAPS: usize = 3;
const WEIGHTS: [[f64; TAPS]; IN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// The points of one 3×3 kernel, row by row.
pub(super) fn weights(taps: &[f32; TAPS * TAPS]) -> [f32; POINTS] {
    let point = |row: &[f64; TAPS], column: &[f64; TAPS]| {
        let of_row =
            |y: usize| (0..TAPS).map(|x| column[x] * f64::from(taps[y * TAPS + x])).sum::<f64>();
        (0..TAPS).map(|y| row[y] * of_row(y)).sum::<f64>() as f32
    };
    std::array::from_fn(|at| point(&WEIGHTS[at / IN], &WEIGHTS[at % IN]))
}

/// The points of 6×6 inputs, of which `row(y)` is one row.
#[inline(always)]
pub(super) fn input(row: impl Fn(usize) -> [f32x4; IN]) -> [[f32x4; IN]; IN] {
    let mut rows = [[f32x4::ZERO; IN]; IN];
    for (y, line) in rows.iter_mut().enumerate() {
        *line = input_line(row(y));
    }
    let mut points = rows;
    for x in 0..IN {
        let column = input_line(std::array::from_fn(|y| rows[y][x]));
        for (line, value) in points.iter_mut().zip(column) {
            line[x] = value;
        }
    }
    points
}

#[inline(always)]
fn input_line([d0, d1, d2, d3, d4, d5]: [f32x4; IN]) -> [f32x4; IN] {
    let (two, four, five) = (f32x4::splat(2.0), f32x4::splat(4.0), f32x4::splat(5.0));
    let (even, odd) = (d4 - four * d2, d3 - four * d1);
    let (near, far) = (d4 - d2, two * (d3 - d1));
    let (first, last) = (four * d0 - five * d2 + d4, four * d1 - five * d3 + d5);
    [first, even + odd, even - odd, near + far, near - far, last]
}

/// The 4×4 outputs of 36 points.
#[inline(always)]
pub(super) fn output(points: &[[f32x4; IN]; IN]) -> [[f32x4; OUT]; OUT] {
    let mut rows = [[f32x4::ZERO; IN]; OUT];
    for x in 0..IN {
        let column = output_line(std::array::from_fn(|y| points[y][x]));
        for (line, value) in rows.iter_mut().zip(column) {
            line[x] = value;
        }
    }
    rows.map(output_line)
}

#[inline(always)]
fn output_line([m0, m1, m2, m3, m4, m5]: [f32x4; IN]) -> [f32x4; OUT] {
    let (two, four, eight) = (f32x4::splat(2.0), f32x4::splat(4.0), f32x4::splat(8.0));
    let (sum, difference) = (m1 + m2, m1 - m2);
    let (far_sum, far_difference) = (m3 + m4, m3 - m4);
    [
        m0 + sum + far_sum,
        difference + two * far_difference,
        sum + four * far_sum,
        difference + eight * far_difference + m5,
    ]
}
