//! The matte at full size: bounds, no haloes, edges where the photo has them.

use image::{GrayImage, Rgb, RgbImage};
use imaging::{ImagingError, Matte, Photo, refine};
use proptest::prelude::*;

use crate::fixtures::gradient;

fn matte(values: Vec<f32>, width: u32) -> Matte {
    let height = values.len() as u32 / width;
    Matte::new(values, width, height).expect("sizes agree")
}

/// Left part subject, right part background, with one column of one half between.
fn upright_edge(side: u32, column: u32) -> Matte {
    let value = |i: u32| match (i % side).cmp(&column) {
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 0.0,
    };
    matte((0..side * side).map(value).collect(), side)
}

#[test]
fn matte_sizes_are_checked() {
    for (length, width, height) in [(0, 0, 0), (5, 2, 2), (4, 4, 4), (4, 0, 4)] {
        let outcome = Matte::new(vec![0.5; length], width, height);
        assert!(matches!(outcome, Err(ImagingError::MismatchedSize(_))));
    }
}

#[test]
fn values_out_of_range_are_clamped() {
    let values = vec![f32::NAN, -3.0, 7.0, f32::INFINITY, f32::NEG_INFINITY, 0.25];
    assert_eq!(matte(values, 6).values(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.25]);
}

#[test]
fn all_and_nothing_stay_so() {
    let photo = Photo::opaque(gradient(301, 97));
    for (value, expected) in [(0.0, 0), (1.0, 255), (0.02, 0), (0.98, 255)] {
        let alpha = refine(&photo, &matte(vec![value; 256], 16)).unwrap();
        assert!(alpha.iter().all(|&a| a == expected), "{value}");
    }
}

#[test]
fn an_edge_moves_to_the_photos_edge() {
    // The photo changes at column 150 of 320; the matte's soft step is at columns 140…160.
    let photo = RgbImage::from_fn(320, 320, |x, y| {
        let texture = ((x * 5 + y * 3) % 7) as u8;
        if x < 147 { Rgb([200 + texture, 60, 40]) } else { Rgb([30, 80 + texture, 160]) }
    });
    let alpha = refine(&Photo::opaque(photo), &upright_edge(16, 7)).unwrap();
    for y in [40, 160, 280] {
        assert!(alpha.get_pixel(143, y)[0] > 200, "{:?}", row(&alpha, y));
        assert!(alpha.get_pixel(151, y)[0] < 55, "{:?}", row(&alpha, y));
    }
}

fn row(alpha: &GrayImage, y: u32) -> Vec<u8> {
    (135..165).map(|x| alpha.get_pixel(x, y)[0]).collect()
}

#[test]
fn nothing_appears_away_from_the_edge() {
    let photo = Photo::opaque(RgbImage::from_fn(640, 480, |x, y| {
        Rgb([(x * 37 % 256) as u8, (y * 91 % 256) as u8, ((x ^ y) % 256) as u8])
    }));
    let alpha = refine(&photo, &upright_edge(32, 15)).unwrap();
    for (x, _, pixel) in alpha.enumerate_pixels() {
        // Two cells of 20 pixels on either side of the half column.
        if x < 280 {
            assert_eq!(pixel[0], 255, "column {x}");
        } else if x >= 340 {
            assert_eq!(pixel[0], 0, "column {x}");
        }
    }
}

#[test]
fn a_photo_no_larger_than_the_matte_is_interpolated() {
    let photo = Photo::opaque(gradient(16, 16));
    let alpha = refine(&photo, &upright_edge(16, 8)).unwrap();
    assert_eq!((alpha.get_pixel(7, 3)[0], alpha.get_pixel(8, 3)[0]), (255, 128));
    assert_eq!(alpha.get_pixel(9, 3)[0], 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_matte_and_size_work(
        values in prop::collection::vec(0.0_f32..=1.0, 64),
        width in 1_u32..200, height in 1_u32..200,
    ) {
        let photo = Photo::opaque(gradient(width, height));
        let alpha = refine(&photo, &matte(values, 8)).unwrap();
        prop_assert_eq!(alpha.dimensions(), (width, height));
    }

    #[test]
    fn certain_surroundings_stay_certain(
        values in prop::collection::vec(prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..1.0], 144),
        width in 24_u32..150, height in 24_u32..150,
    ) {
        let photo = Photo::opaque(gradient(width, height));
        let alpha = refine(&photo, &matte(values.clone(), 12)).unwrap();
        for (x, y, pixel) in alpha.enumerate_pixels() {
            let (cx, cy) = ((x * 12 / width) as i32, (y * 12 / height) as i32);
            let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (cx + dx, cy + dy)));
            let seen: Vec<f32> = around
                .filter(|&(x, y)| (0..12).contains(&x) && (0..12).contains(&y))
                .map(|(x, y)| values[(y * 12 + x) as usize])
                .collect();
            if seen.iter().all(|&v| v == 0.0) {
                prop_assert_eq!(pixel[0], 0);
            }
            if seen.iter().all(|&v| v == 1.0) {
                prop_assert_eq!(pixel[0], 255);
            }
        }
    }
}
