use image::{GrayImage, Luma, Rgb, RgbImage};
use imaging::{Matte, Photo, Region, SecondLook, Size, merged};

const LOOK: SecondLook = SecondLook { below: 0.6, margin: 0.2 };

fn matte(side: u32, value: impl Fn(u32, u32) -> f32) -> Matte {
    let values = (0..side * side).map(|at| value(at % side, at / side)).collect();
    Matte::new(values, side, side).unwrap()
}

fn boxed(from: u32, to: u32) -> Matte {
    let inside = from..to;
    matte(64, |x, y| if inside.contains(&x) && inside.contains(&y) { 1.0 } else { 0.0 })
}

fn photo(width: u32, height: u32) -> Photo {
    Photo::opaque(RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 0])))
}

/// A first look that says .5 everywhere and a second one that says .9, of a photo of 640 pixels.
fn half_and_nine_tenths(region: Region) -> Matte {
    merged(&matte(64, |_, _| 0.5), &matte(64, |_, _| 0.9), region, Size::new(640, 640)).unwrap()
}

#[test]
fn a_small_subject_is_looked_at_with_its_surroundings() {
    // The box is 16…32 of 64; a fifth of 16 and a 64th of the side are added.
    let region = LOOK.region(&boxed(16, 32), Size::new(640, 128)).expect("small enough");
    let expected = Region { left: 118, top: 23, size: Size::new(244, 50) };
    assert_eq!(region, expected);
}

#[test]
fn a_region_ends_where_the_photo_ends() {
    let region = LOOK.region(&boxed(0, 20), Size::new(64, 64)).expect("small enough");
    assert_eq!((region.left, region.top, region.size), (0, 0, Size::new(25, 25)));
}

#[test]
fn nothing_to_look_at() {
    let photo = Size::new(64, 64);
    assert_eq!(LOOK.region(&boxed(0, 0), photo), None, "no subject");
    assert_eq!(LOOK.region(&matte(64, |_, _| 0.3), photo), None, "only haze");
}

#[test]
fn a_subject_that_fills_the_photo_is_looked_at_with_all_of_it() {
    let photo = Size::new(640, 128);
    assert_eq!(LOOK.region(&boxed(8, 56), photo), Some(Region::whole(photo)));
    let one_cell = matte(1, |_, _| 1.0);
    assert_eq!(LOOK.region(&one_cell, photo), Some(Region::whole(photo)));
}

#[test]
fn two_looks_at_the_whole_photo_count_the_same_everywhere() {
    let merged = half_and_nine_tenths(Region::whole(Size::new(640, 640)));
    assert_eq!((merged.width(), merged.height()), (64, 64));
    assert!(merged.values().iter().all(|value| (value - 0.75).abs() < 1e-4));
}

#[test]
fn a_speck_does_not_widen_the_box() {
    let plain = boxed(16, 32);
    let speck =
        matte(
            64,
            |x, y| {
                if (x, y) == (60, 60) { 1.0 } else { plain.values()[(y * 64 + x) as usize] }
            },
        );
    let photo = Size::new(64, 64);
    assert_eq!(LOOK.region(&speck, photo), LOOK.region(&plain, photo));
}

#[test]
fn a_part_takes_colour_and_alpha_along() {
    let mut whole = photo(10, 10);
    whole.alpha = Some(GrayImage::from_fn(10, 10, |x, y| Luma([(10 * y + x) as u8])));
    let part = whole.part(Region { left: 3, top: 2, size: Size::new(4, 5) });
    assert_eq!(part.size(), Size::new(4, 5));
    assert_eq!(part.colour.get_pixel(0, 0), &Rgb([3, 2, 0]));
    assert_eq!(part.alpha.unwrap().get_pixel(3, 4), &Luma([66]));
}

#[test]
fn both_looks_count_and_only_inside_the_region() {
    let region = Region { left: 160, top: 160, size: Size::new(320, 320) };
    let merged = half_and_nine_tenths(region);
    assert_eq!((merged.width(), merged.height()), (128, 128), "at the second look's resolution");
    let at = |x: u32, y: u32| merged.values()[(y * 128 + x) as usize];
    // Odds of 1 and 9 to 1: their geometric mean is 3 to 1.
    assert!((at(64, 64) - 0.75).abs() < 1e-4, "{}", at(64, 64));
    assert!((at(10, 64) - 0.5).abs() < 1e-4 && (at(64, 120) - 0.5).abs() < 1e-4);
    // No seam: from cell to cell it rises by little.
    let row: Vec<f32> = (0..128).map(|x| at(x, 64)).collect();
    assert!(row.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.08), "{row:?}");
}

#[test]
fn at_the_photos_own_border_the_second_look_counts_whole() {
    let region = Region { left: 0, top: 0, size: Size::new(320, 640) };
    let merged = half_and_nine_tenths(region);
    assert!((merged.values()[0] - 0.75).abs() < 1e-4);
}

#[test]
fn the_second_look_is_placed_where_it_was_taken() {
    // The right half of the region is subject; the first look could not tell.
    let closer = matte(64, |x, _| if x >= 32 { 0.999 } else { 0.001 });
    let region = Region { left: 200, top: 0, size: Size::new(200, 400) };
    let merged = merged(&matte(64, |_, _| 0.5), &closer, region, Size::new(400, 400)).unwrap();
    let width = merged.width();
    let edge =
        (0..width).find(|x| merged.values()[(32 * width + x) as usize] > 0.9).expect("an edge");
    assert_eq!(edge, width * 3 / 4);
}

#[test]
fn the_merged_matte_stays_within_bounds() {
    let first = matte(64, |_, _| 0.2);
    let second = matte(64, |_, _| f32::from(u8::MAX));
    let tiny = |photo: Size| {
        let region = Region { left: 0, top: 0, size: Size::new(1, 1) };
        merged(&first, &second, region, photo).unwrap()
    };
    let large = tiny(Size::new(10_000, 10_000));
    assert_eq!((large.width(), large.height()), (256, 256), "four times the network's at most");
    let small = tiny(Size::new(300, 3));
    assert_eq!((small.width(), small.height()), (150, 64), "half as fine as the photo at most");
    let empty = Region { left: 0, top: 0, size: Size::new(0, 4) };
    assert!(merged(&first, &second, empty, Size::new(8, 8)).is_err());
}

#[test]
fn the_whole_photo_may_be_seen_in_other_cells_the_second_time() {
    let photo = Size::new(640, 640);
    let closer = matte(96, |x, _| if x >= 48 { 0.9 } else { 0.1 });
    let merged = merged(&matte(64, |_, _| 0.5), &closer, Region::whole(photo), photo).unwrap();
    assert_eq!((merged.width(), merged.height()), (96, 96), "the finer one's");
    for (at, value) in merged.values().iter().enumerate() {
        let expected = if at % 96 >= 48 { 0.75 } else { 0.25 };
        assert!((value - expected).abs() < 1e-4, "{at}: {value}");
    }
}
