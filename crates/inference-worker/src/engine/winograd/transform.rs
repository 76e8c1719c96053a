//! The three linear maps of F(4×4, 3×3), on eight tiles at a time: a tile of 6×6 inputs gives 4×4 outputs, and between
//! the maps each of the 36 points is a plain product (Lavin and Gray 2015, arXiv 1509.09308, with the points 0, ±1, ±2 and ∞).

use super::eight::Eight;

/// Outputs of a tile, along each side.
pub(super) const OUT: usize = 4;
/// Inputs of a tile, along each side.
pub(super) const IN: usize = 6;
/// Products of a tile.
pub(super) const POINTS: usize = IN * IN;

/// How many tiles make an image of `[rows, columns]` of output, down and across.
pub(super) fn grid(outputs: [usize; 2]) -> [usize; 2] {
    outputs.map(|side| side.div_ceil(OUT))
}

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

/// The points of 6×6 inputs, row by row.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn input(mut rows: [[Eight; IN]; IN]) -> [[Eight; IN]; IN] {
    for row in &mut rows {
        *row = input_line(*row);
    }
    for x in 0..IN {
        let [a, b, c, d, e, f] = &mut rows;
        [a[x], b[x], c[x], d[x], e[x], f[x]] = input_line([a[x], b[x], c[x], d[x], e[x], f[x]]);
    }
    rows
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn input_line([d0, d1, d2, d3, d4, d5]: [Eight; IN]) -> [Eight; IN] {
    let (even, odd) = (d4.plus(-4.0, d2), d3.plus(-4.0, d1));
    let (near, far) = (d4.plus(-1.0, d2), d3.plus(-1.0, d1));
    [
        d4.plus(-5.0, d2).plus(4.0, d0),
        even.plus(1.0, odd),
        even.plus(-1.0, odd),
        near.plus(2.0, far),
        near.plus(-2.0, far),
        d5.plus(-5.0, d3).plus(4.0, d1),
    ]
}

/// The 4×4 outputs of 36 points, row by row.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn output([a, b, c, d, e, f]: &[[Eight; IN]; IN]) -> [[Eight; OUT]; OUT] {
    let mut rows = [[a[0]; IN]; OUT];
    for x in 0..IN {
        let [first, second, third, fourth] = &mut rows;
        [first[x], second[x], third[x], fourth[x]] =
            output_line([a[x], b[x], c[x], d[x], e[x], f[x]]);
    }
    let [first, second, third, fourth] = rows;
    [output_line(first), output_line(second), output_line(third), output_line(fourth)]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn output_line([m0, m1, m2, m3, m4, m5]: [Eight; IN]) -> [Eight; OUT] {
    let (sum, difference) = (m1.plus(1.0, m2), m1.plus(-1.0, m2));
    let (far_sum, far_difference) = (m3.plus(1.0, m4), m3.plus(-1.0, m4));
    [
        m0.plus(1.0, sum).plus(1.0, far_sum),
        difference.plus(2.0, far_difference),
        sum.plus(4.0, far_sum),
        difference.plus(8.0, far_difference).plus(1.0, m5),
    ]
}
