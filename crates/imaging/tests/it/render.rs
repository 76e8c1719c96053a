//! Rotate, fit, background: checked on pixels after a lossless round through PNG.

use image::{GrayImage, Luma, Rgb, RgbImage};
use imaging::{Cutout, OutputFormat, Photo, RenderOptions, Size, encode, render};
use proptest::prelude::*;

use crate::fixtures::{disc, gradient, open};

fn cutout(colour: RgbImage, alpha: GrayImage) -> Cutout {
    Cutout::from_matte(Photo::opaque(colour), alpha).expect("sizes agree")
}

fn opaque(colour: RgbImage) -> Cutout {
    let alpha = GrayImage::from_pixel(colour.width(), colour.height(), Luma([255]));
    cutout(colour, alpha)
}

fn options() -> RenderOptions {
    RenderOptions { format: OutputFormat::Png, ..RenderOptions::default() }
}

/// Renders and reads the PNG back.
fn shown(cutout: &Cutout, options: &RenderOptions) -> Photo {
    let rendered = render(cutout.clone(), options).expect("renders");
    let size = rendered.size();
    let photo = open(&encode(rendered).expect("encodes")).expect("decodes");
    assert_eq!(photo.size(), size);
    assert_eq!(Ok(size), options.output_size(cutout.size()));
    photo
}

fn turned(angle: f64) -> RenderOptions {
    RenderOptions { angle, ..options() }
}

#[test]
fn nothing_asked_changes_nothing_that_shows() {
    let (colour, alpha) = (gradient(40, 30), disc(40, 30, 6.0));
    for angle in [0.0, 360.0, -360.0] {
        let photo = shown(&cutout(colour.clone(), alpha.clone()), &turned(angle));
        assert!(photo.alpha.as_ref() == Some(&alpha), "{angle}");
        for (x, y, pixel) in photo.colour.enumerate_pixels() {
            // What was removed is gone, not hidden.
            let hidden = alpha.get_pixel(x, y)[0] == 0;
            let expected = if hidden { Rgb([0; 3]) } else { *colour.get_pixel(x, y) };
            assert_eq!(*pixel, expected, "{x},{y}");
        }
    }
}

#[test]
fn quarter_turns_are_exact_and_counter_clockwise() {
    let picture = opaque(gradient(5, 3));
    let left = shown(&picture, &turned(90.0)).colour;
    assert_eq!(left.dimensions(), (3, 5));
    // The top right corner comes to the top left.
    assert_eq!(left.get_pixel(0, 0), picture.colour().get_pixel(4, 0));
    assert_eq!(left.get_pixel(2, 4), picture.colour().get_pixel(0, 2));
    for (angle, same_as) in [(-270.0, 90.0), (-90.0, 270.0), (-180.0, 180.0)] {
        assert!(shown(&picture, &turned(angle)) == shown(&picture, &turned(same_as)), "{angle}");
    }
    let half = shown(&picture, &turned(180.0)).colour;
    assert_eq!(half.get_pixel(0, 0), picture.colour().get_pixel(4, 2));
    let again = opaque(half);
    assert!(shown(&again, &turned(180.0)).colour == *picture.colour());
    let back = shown(&opaque(left), &turned(270.0)).colour;
    assert!(back == *picture.colour());
}

#[test]
fn a_quarter_turn_on_a_fixed_canvas_is_cropped_and_padded() {
    let picture = opaque(RgbImage::from_pixel(6, 2, Rgb([9, 99, 199])));
    let fixed = RenderOptions { expand: false, ..turned(90.0) };
    let photo = shown(&picture, &fixed);
    let alpha = photo.alpha.expect("opened corners are transparent");
    let row: Vec<u8> = (0..6).map(|x| alpha.get_pixel(x, 0)[0]).collect();
    assert_eq!(row, [0, 0, 255, 255, 0, 0]);
    assert_eq!(photo.colour.get_pixel(2, 1), &Rgb([9, 99, 199]));
}

#[test]
fn free_rotation_keeps_flat_colour_and_opens_corners() {
    let picture = opaque(RgbImage::from_pixel(60, 40, Rgb([200, 100, 50])));
    let photo = shown(&picture, &turned(30.0));
    let alpha = photo.alpha.expect("corners are open");
    assert_eq!(alpha.get_pixel(0, 0)[0], 0);
    let (w, h) = alpha.dimensions();
    assert_eq!(alpha.get_pixel(w / 2, h / 2)[0], 255);
    for (x, y, pixel) in photo.colour.enumerate_pixels() {
        // No dark fringe: where anything shows, it shows the picture's colour.
        if alpha.get_pixel(x, y)[0] > 40 {
            for (found, wanted) in pixel.0.into_iter().zip([200, 100, 50]) {
                assert!(i32::from(found).abs_diff(wanted) <= 4, "{pixel:?} at {x},{y}");
            }
        }
    }
}

#[test]
fn rotation_is_counter_clockwise_at_any_angle() {
    // A mark right of the centre goes up under a counter-clockwise turn.
    let mut picture = RgbImage::from_pixel(101, 101, Rgb([0, 0, 0]));
    for (x, y) in (85..95).flat_map(|x| (45..55).map(move |y| (x, y))) {
        picture.put_pixel(x, y, Rgb([255, 255, 255]));
    }
    let fixed = RenderOptions { expand: false, ..turned(60.0) };
    let photo = shown(&opaque(picture), &fixed).colour;
    let (sin, cos) = 60.0_f64.to_radians().sin_cos();
    let place = (50.5 + 39.5 * cos, 50.5 - 39.5 * sin);
    assert!(photo.get_pixel(place.0 as u32, place.1 as u32)[0] > 240);
}

#[test]
fn opened_corners_of_a_mask_are_black() {
    let picture = opaque(gradient(50, 50));
    for format in [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::WebP, OutputFormat::Bmp] {
        let mask = RenderOptions { mask: true, format, ..turned(45.0) };
        let photo = shown(&picture, &mask);
        assert!(photo.colour.get_pixel(0, 0)[0] <= 2, "{format:?}");
        assert!(photo.colour.get_pixel(35, 35)[0] >= 253, "{format:?}");
        assert_eq!(photo.alpha, None, "{format:?}");
    }
}

#[test]
fn opened_corners_show_the_background() {
    let picture = opaque(gradient(50, 50));
    let backed = RenderOptions { background: Some([10, 200, 30, 255]), ..turned(45.0) };
    let photo = shown(&picture, &backed);
    assert_eq!(photo.alpha, None, "an opaque background gives an opaque picture");
    assert_eq!(photo.colour.get_pixel(0, 0), &Rgb([10, 200, 30]));
}

#[test]
fn backgrounds() {
    // Alpha of the cut-out, background, format, then colour and alpha of the result.
    let cases = [
        (0, None, OutputFormat::Bmp, [255, 255, 255], 255),
        (255, None, OutputFormat::Bmp, [100, 100, 100], 255),
        (0, Some([1, 2, 3, 255]), OutputFormat::Bmp, [1, 2, 3], 255),
        (0, Some([0, 0, 0, 128]), OutputFormat::Bmp, [127, 127, 127], 255),
        (0, Some([1, 2, 3, 255]), OutputFormat::Png, [1, 2, 3], 255),
        (0, Some([1, 2, 3, 77]), OutputFormat::Png, [1, 2, 3], 77),
        (255, Some([1, 2, 3, 77]), OutputFormat::Png, [100, 100, 100], 255),
        (51, Some([200, 200, 200, 255]), OutputFormat::Png, [180, 180, 180], 255),
        (51, None, OutputFormat::Png, [100, 100, 100], 51),
    ];
    for (alpha, background, format, colour, left) in cases {
        let picture = cutout(
            RgbImage::from_pixel(3, 2, Rgb([100; 3])),
            GrayImage::from_pixel(3, 2, Luma([alpha])),
        );
        let backed = RenderOptions { background, format, ..options() };
        let photo = shown(&picture, &backed);
        let found = photo.alpha.map_or(255, |a| a.get_pixel(1, 1)[0]);
        assert_eq!(photo.colour.get_pixel(1, 1).0, colour, "{alpha} {background:?} {format:?}");
        assert_eq!(found, left, "{alpha} {background:?} {format:?}");
    }
}

#[test]
fn resizing_lets_no_hidden_colour_through() {
    // Red subject; what is hidden is bright green.
    let alpha = disc(200, 200, 4.0);
    let colour = RgbImage::from_fn(200, 200, |x, y| {
        if alpha.get_pixel(x, y)[0] > 0 { Rgb([220, 30, 30]) } else { Rgb([0, 255, 0]) }
    });
    for side in [31, 150, 333] {
        let scaled = RenderOptions { width: Some(side), ..options() };
        let photo = shown(&cutout(colour.clone(), alpha.clone()), &scaled);
        let alpha = photo.alpha.expect("still cut out");
        for (x, y, pixel) in photo.colour.enumerate_pixels() {
            if alpha.get_pixel(x, y)[0] > 30 {
                assert!(pixel[1] < 48, "{pixel:?} at {x},{y} of {side}");
            }
        }
    }
}

#[test]
fn rotation_and_fit_in_bands_is_the_same_as_whole() {
    // Large enough for several bands; compared with fitting the rotated picture afterwards.
    let picture = cutout(gradient(900, 1400), disc(900, 1400, 50.0));
    let rotated = shown(&picture, &turned(20.0));
    let whole = Cutout::from_matte(Photo::opaque(rotated.colour), rotated.alpha.unwrap()).unwrap();
    let fit = RenderOptions { height: Some(700), ..options() };
    let expected = shown(&whole, &fit);
    let found = shown(&picture, &RenderOptions { angle: 20.0, ..fit });
    let (expected, found) = (expected.alpha.unwrap(), found.alpha.unwrap());
    let worst = expected.iter().zip(found.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(2), "{worst:?}");
}

#[test]
fn exact_resize_may_distort() {
    let exact = RenderOptions { width: Some(7), height: Some(31), exact: true, ..options() };
    assert_eq!(shown(&opaque(gradient(20, 20)), &exact).size(), Size::new(7, 31));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_options_give_the_promised_size(
        w in 1_u32..60, h in 1_u32..60, angle in -360.0_f64..360.0, expand: bool,
        width in prop::option::of(1_u32..90), height in prop::option::of(1_u32..90),
        exact: bool, mask: bool, background in prop::option::of(any::<[u8; 4]>()),
    ) {
        let asked = RenderOptions {
            angle, expand, width, height, exact, mask, background, format: OutputFormat::Png,
        };
        let picture = cutout(gradient(w, h), disc(w, h, 5.0));
        prop_assume!(asked.output_size(picture.size()).is_ok());
        shown(&picture, &asked);
    }
}
