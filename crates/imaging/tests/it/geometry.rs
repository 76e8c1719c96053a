//! Sizes of rotations and fits.

use imaging::{RenderOptions, Size, fit_size, rotated_size};
use proptest::prelude::*;

/// From Pillow 13: `Image.new("L", (w, h)).rotate(angle, expand=True).size`.
const PILLOW: &[(u32, u32, f64, u32, u32)] = &[
    (2552, 1047, 174.09, 2648, 1305),
    (3443, 1908, 198.69, 3873, 2912),
    (3691, 643, -278.49, 1181, 3747),
    (1560, 2228, -286.58, 2582, 2132),
    (2995, 888, -174.0, 3073, 1198),
    (654, 3121, -218.0, 2438, 2863),
    (519, 542, -358.72, 531, 554),
    (3169, 883, 331.29, 3205, 2297),
    (1185, 1285, 332.26, 1647, 1689),
    (745, 3855, -159.0, 2079, 3867),
    (1224, 89, -99.94, 300, 1221),
    (1081, 267, -121.06, 787, 1065),
    (2442, 2777, -293.0, 3512, 3333),
    (1456, 3353, 353.0, 1854, 3507),
    (757, 1972, -19.77, 1381, 2112),
    (1050, 3995, 6.0, 1462, 4083),
    (75, 2249, 14.0, 617, 2201),
    (2370, 3446, -353.46, 2748, 3694),
    (2555, 3913, 327.16, 4269, 4675),
    (3808, 3357, -8.0, 4240, 3855),
    (3657, 2150, -179.36, 3681, 2192),
    (2416, 3066, 16.0, 3168, 3614),
    (151, 1774, 320.98, 1235, 1474),
    (1396, 2101, -209.0, 2240, 2515),
    (1130, 3786, -266.0, 3856, 1392),
    (2810, 1298, -139.56, 2982, 2812),
    (2954, 2823, -137.3, 4086, 4079),
    (2950, 199, 255.0, 956, 2901),
    (131, 973, -8.0, 267, 983),
    (1867, 2667, -56.33, 3255, 3033),
    (3284, 2022, -119.39, 3374, 3854),
    (2997, 2311, 285.0, 3009, 3495),
    (437, 692, -47.12, 805, 792),
    (3461, 1723, -147.73, 3847, 3305),
    (3998, 2139, 139.0, 4422, 4239),
    (1963, 1123, -150.46, 2263, 1945),
    (462, 1545, 231.88, 1502, 1319),
    (2569, 3839, -0.49, 2603, 3861),
    (366, 2015, 201.0, 1064, 2013),
    (259, 3220, 212.51, 1949, 2856),
    (100, 50, 0.0, 100, 50),
    (100, 50, 90.0, 50, 100),
    (100, 50, 180.0, 100, 50),
    (100, 50, 270.0, 50, 100),
    (100, 50, 360.0, 100, 50),
    (100, 50, -90.0, 50, 100),
    (100, 50, -180.0, 100, 50),
    (100, 50, -360.0, 100, 50),
    (100, 50, 45.0, 108, 108),
    (100, 50, -45.0, 108, 108),
    (100, 50, 30.0, 112, 94),
    (100, 50, 60.0, 94, 112),
    (100, 50, 120.0, 94, 112),
    (100, 50, 135.0, 108, 108),
    (100, 50, 1.0, 102, 52),
    (100, 50, 89.0, 52, 102),
    (100, 50, 359.0, 102, 52),
    (100, 50, 0.1, 102, 52),
    (1, 1, 45.0, 3, 3),
    (1, 1, 10.0, 3, 3),
    (3, 1, 45.0, 3, 3),
    (2, 2, 30.0, 4, 4),
    (10000, 10000, 45.0, 14144, 14144),
];

#[test]
fn expanded_sizes_are_those_of_pillow() {
    for &(w, h, angle, rw, rh) in PILLOW {
        let size = rotated_size(Size::new(w, h), angle, true);
        assert_eq!(size, Size::new(rw, rh), "{w}x{h} by {angle}");
    }
}

#[test]
fn a_fixed_canvas_keeps_its_size() {
    for angle in [0.0, 1.0, 45.0, 90.0, 180.0, -270.0, 359.9] {
        assert_eq!(rotated_size(Size::new(30, 7), angle, false), Size::new(30, 7));
    }
}

#[test]
fn fits() {
    let cases = [
        ((400, 300), None, None, false, (400, 300)),
        ((400, 300), Some(200), None, false, (200, 150)),
        ((400, 300), None, Some(150), false, (200, 150)),
        ((400, 300), Some(200), Some(200), false, (200, 150)),
        ((300, 400), Some(200), Some(200), false, (150, 200)),
        ((400, 300), Some(200), Some(200), true, (200, 200)),
        ((400, 300), Some(200), None, true, (200, 150)),
        ((400, 300), Some(800), Some(10_000), false, (800, 600)),
        ((3, 2), Some(5), None, false, (5, 3)),
        ((4, 2), Some(1), None, false, (1, 1)),
        ((10_000, 1), Some(100), None, false, (100, 1)),
        ((10_000, 1), Some(100), Some(100), false, (100, 1)),
        ((999, 1000), Some(10_000), Some(10_000), false, (9990, 10_000)),
        ((9999, 10_000), Some(10_000), Some(10_000), false, (9999, 10_000)),
        ((1, 10_000), Some(10_000), None, false, (10_000, 100_000_000)),
    ];
    for ((w, h), width, height, exact, (fw, fh)) in cases {
        let fitted = fit_size(Size::new(w, h), width, height, exact);
        assert_eq!(fitted, Size::new(fw, fh), "{w}x{h} to {width:?} {height:?} {exact}");
    }
}

#[test]
fn sizes_beyond_the_limit_are_refused_with_the_size() {
    let options = RenderOptions { angle: 45.0, ..RenderOptions::default() };
    let error = options.output_size(Size::new(9_000, 9_000)).unwrap_err();
    assert_eq!(error, imaging::ImagingError::TooWide(12_728));
    let shrunk = RenderOptions { width: Some(1_000), ..options };
    assert_eq!(shrunk.output_size(Size::new(9_000, 9_000)), Ok(Size::new(1_000, 1_000)));
}

proptest! {
    #[test]
    fn an_expanded_canvas_holds_the_picture(
        w in 1_u32..3000, h in 1_u32..3000, angle in -360.0_f64..360.0
    ) {
        let size = rotated_size(Size::new(w, h), angle, true);
        let (sin, cos) = angle.to_radians().sin_cos();
        let (w, h) = (f64::from(w), f64::from(h));
        let exact = (w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs());
        for (side, exact) in [(size.width, exact.0), (size.height, exact.1)] {
            prop_assert!(f64::from(side) >= exact - 1e-6);
            prop_assert!(f64::from(side) <= exact + 2.0);
        }
    }

    #[test]
    fn a_fit_stays_inside_and_keeps_the_shape(
        w in 1_u32..=10_000, h in 1_u32..=10_000, bw in 1_u32..=10_000, bh in 1_u32..=10_000
    ) {
        let fitted = fit_size(Size::new(w, h), Some(bw), Some(bh), false);
        prop_assert!(fitted.width >= 1 && fitted.width <= bw);
        prop_assert!(fitted.height >= 1 && fitted.height <= bh);
        prop_assert!(fitted.width == bw || fitted.height == bh, "as large as fits");
    }

    #[test]
    fn any_angle_gives_a_size(w in 1_u32.., h in 1_u32.., angle in any::<f64>(), expand: bool) {
        let size = rotated_size(Size::new(w, h), angle, expand);
        prop_assert!(size.width >= 1 && size.height >= 1);
    }
}
