//! Foreground colours: against the reference implementation, and by what they must satisfy.

use image::{GrayImage, Luma, Rgb, RgbImage};
use imaging::{Cutout, ImagingError, Photo, estimate_foreground};
use proptest::prelude::*;

use crate::fixtures::{disc, gradient, photo};

/// A known foreground on a known background, mixed by `alpha`.
fn mixed(alpha: &GrayImage, fore: [u8; 3], back: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(alpha.width(), alpha.height(), |x, y| {
        let a = f64::from(alpha.get_pixel(x, y)[0]) / 255.0;
        let mix = |c: usize| f64::from(fore[c]) * a + f64::from(back[c]) * (1.0 - a);
        Rgb([0, 1, 2].map(|c| mix(c).round() as u8))
    })
}

fn undecided(alpha: &GrayImage) -> impl Iterator<Item = (u32, u32, u8)> {
    alpha.enumerate_pixels().map(|(x, y, p)| (x, y, p[0])).filter(|&(_, _, a)| a != 0 && a != 255)
}

/// `mix.png` is a smooth foreground on a smooth background; `mix_foreground_pymatting.png` is what
/// pymatting 1.1's `estimate_foreground_ml` finds for it, where alpha is undecided.
#[test]
fn agrees_with_the_reference_implementation() {
    let mut mix = photo("mix.png");
    let alpha = mix.alpha.take().expect("the mix has a matte");
    let reference = photo("mix_foreground_pymatting.png").colour;
    let cutout = estimate_foreground(mix, alpha.clone()).unwrap();
    let (mut sum, mut weight) = (0.0, 0.0);
    for (x, y, a) in undecided(&alpha) {
        for c in 0..3 {
            let (ours, theirs) = (cutout.colour().get_pixel(x, y)[c], reference.get_pixel(x, y)[c]);
            sum += f64::from(a) * f64::from(ours.abs_diff(theirs));
            weight += f64::from(a);
        }
    }
    assert!(sum / weight < 2.5, "mean difference {} as seen through alpha", sum / weight);
}

#[test]
fn no_old_background_is_left_in_a_soft_edge() {
    let alpha = disc(300, 260, 30.0);
    let (fore, back) = ([200, 120, 40], [10, 60, 250]);
    let cutout =
        estimate_foreground(Photo::opaque(mixed(&alpha, fore, back)), alpha.clone()).unwrap();
    for (x, y, a) in undecided(&alpha).filter(|&(_, _, a)| a > 25) {
        for (found, wanted) in cutout.colour().get_pixel(x, y).0.into_iter().zip(fore) {
            assert!(found.abs_diff(wanted) <= 12, "{found} for {wanted} at {x},{y}, alpha {a}");
        }
    }
}

#[test]
fn decided_pixels_are_untouched() {
    let alpha = disc(150, 90, 12.0);
    let before = gradient(150, 90);
    let cutout = estimate_foreground(Photo::opaque(before.clone()), alpha.clone()).unwrap();
    for (x, y, pixel) in alpha.enumerate_pixels() {
        if matches!(pixel[0], 0 | 255) {
            assert_eq!(cutout.colour().get_pixel(x, y), before.get_pixel(x, y));
        }
    }
    assert!(*cutout.alpha() == alpha);
}

#[test]
fn works_where_nothing_is_decided() {
    let alpha = GrayImage::from_pixel(70, 50, Luma([128]));
    let photo = Photo::opaque(RgbImage::from_pixel(70, 50, Rgb([90, 100, 110])));
    let cutout = estimate_foreground(photo, alpha).unwrap();
    for pixel in cutout.colour().pixels() {
        // Half of a foreground and a background in 0…255 must give the photo.
        assert!((0..3).all(|c| pixel[c] <= 2 * [90, 100, 110][c]));
    }
}

#[test]
fn own_transparency_is_multiplied_in() {
    let mut photo = Photo::opaque(gradient(4, 1));
    photo.alpha = Some(GrayImage::from_raw(4, 1, vec![0, 255, 128, 51]).unwrap());
    let matte = GrayImage::from_raw(4, 1, vec![255, 255, 255, 128]).unwrap();
    for cutout in [
        estimate_foreground(photo.clone(), matte.clone()).unwrap(),
        Cutout::from_matte(photo, matte).unwrap(),
    ] {
        assert_eq!(cutout.alpha().as_raw(), &[0, 255, 128, 26]);
    }
}

#[test]
fn sizes_must_agree() {
    let photo = Photo::opaque(gradient(4, 3));
    let outcome = estimate_foreground(photo, GrayImage::new(3, 4));
    assert!(matches!(outcome, Err(ImagingError::MismatchedSize(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// `αF + (1−α)B = I` for some background B in 0…255: F explains the photo.
    #[test]
    fn the_foreground_reproduces_the_photo(
        width in 2_u32..140, height in 2_u32..140, soft in 1.0_f64..60.0,
        fore in any::<[u8; 3]>(), back in any::<[u8; 3]>(),
    ) {
        let alpha = disc(width, height, soft);
        let image = mixed(&alpha, fore, back);
        let cutout = estimate_foreground(Photo::opaque(image.clone()), alpha.clone()).unwrap();
        for (x, y, a) in undecided(&alpha) {
            let share = f64::from(a) / 255.0;
            for c in 0..3 {
                let seen = f64::from(image.get_pixel(x, y)[c]);
                let found = f64::from(cutout.colour().get_pixel(x, y)[c]);
                let rest = seen - share * found;
                prop_assert!(rest >= -3.0 && rest <= (1.0 - share) * 255.0 + 3.0,
                    "{} of {} leaves {} at {},{} alpha {}", found, seen, rest, x, y, a);
            }
        }
    }

    #[test]
    fn any_size_works(width in 1_u32..80, height in 1_u32..80, seed: u8) {
        let alpha = GrayImage::from_fn(width, height, |x, y| {
            Luma([(x * 13 + y * 7) as u8 ^ seed])
        });
        let cutout = estimate_foreground(Photo::opaque(gradient(width, height)), alpha).unwrap();
        prop_assert_eq!(cutout.colour().dimensions(), (width, height));
    }
}
