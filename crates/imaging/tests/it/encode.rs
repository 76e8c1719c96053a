//! Every output format: readable, of the right kind, the same bytes every time.

use image::{GrayImage, Luma};
use imaging::{
    Cutout, ImagingError, InputFormat, OutputFormat, Photo, RenderOptions, encode, render, sniff,
};

use crate::fixtures::{difference, disc, gradient, open, photo};

const FORMATS: [(OutputFormat, InputFormat); 4] = [
    (OutputFormat::Png, InputFormat::Png),
    (OutputFormat::Jpeg, InputFormat::Jpeg),
    (OutputFormat::WebP, InputFormat::WebP),
    (OutputFormat::Bmp, InputFormat::Bmp),
];

fn written(photo: &Photo, alpha: &GrayImage, options: &RenderOptions) -> Vec<u8> {
    let cutout = Cutout::from_matte(photo.clone(), alpha.clone()).expect("sizes agree");
    encode(render(cutout, options).expect("renders")).expect("encodes")
}

fn in_format(format: OutputFormat) -> RenderOptions {
    RenderOptions { format, ..RenderOptions::default() }
}

#[test]
fn a_photo_survives_every_format() {
    let photo = photo("rgb.png");
    let alpha = GrayImage::from_pixel(96, 64, Luma([255]));
    for (format, read_as) in FORMATS {
        let bytes = written(&photo, &alpha, &in_format(format));
        assert_eq!(sniff(&bytes), Some(read_as));
        let read = open(&bytes).expect("reads back");
        let (mean, _) = difference(&read.colour, &photo.colour);
        assert!(mean < 5.0, "{format:?}: mean difference {mean}");
        assert_eq!(read.alpha, None, "{format:?}");
    }
}

#[test]
fn alpha_is_lossless_where_there_is_any() {
    for (width, height) in [(96, 64), (1, 1), (33, 17), (200, 3)] {
        let photo = Photo::opaque(gradient(width, height));
        let mut alpha = disc(width, height, 20.0);
        alpha.put_pixel(0, 0, Luma([7]));
        for format in [OutputFormat::Png, OutputFormat::WebP] {
            let read = open(&written(&photo, &alpha, &in_format(format))).expect("reads back");
            assert!(read.alpha.as_ref() == Some(&alpha), "{format:?} {width}x{height}");
        }
    }
}

#[test]
fn masks_have_one_grey_channel() {
    let (photo, alpha) = (photo("rgb.png"), disc(96, 64, 20.0));
    for (format, _) in FORMATS {
        let options = RenderOptions { mask: true, ..in_format(format) };
        let bytes = written(&photo, &alpha, &options);
        let read = open(&bytes).expect("reads back");
        for (pixel, level) in read.colour.pixels().zip(alpha.iter()) {
            assert!(pixel.0.iter().all(|c| c.abs_diff(*level) <= 12), "{format:?}");
        }
        let channels = match format {
            OutputFormat::Png => bytes[25] == 0,
            OutputFormat::Jpeg => frame_components(&bytes) == Some(1),
            OutputFormat::Bmp => bytes[28] == 8,
            OutputFormat::WebP => true,
        };
        assert!(channels, "{format:?} mask is not one grey channel");
    }
}

/// The number of components in a JPEG's frame header.
fn frame_components(bytes: &[u8]) -> Option<u8> {
    let at = bytes.windows(2).position(|w| w == [0xFF, 0xC0])?;
    bytes.get(at + 9).copied()
}

#[test]
fn bytes_are_the_same_every_time() {
    let (photo, alpha) = (photo("rgb.png"), disc(96, 64, 9.0));
    for (format, _) in FORMATS {
        let first = written(&photo, &alpha, &in_format(format));
        assert!(first == written(&photo, &alpha, &in_format(format)), "{format:?}");
    }
}

#[test]
fn an_empty_picture_is_an_error() {
    let photo = Photo::opaque(image::RgbImage::new(0, 0));
    let cutout = Cutout::from_matte(photo, GrayImage::new(0, 0)).expect("sizes agree");
    for (format, _) in FORMATS {
        let outcome = render(cutout.clone(), &in_format(format)).and_then(encode);
        assert!(matches!(outcome, Err(ImagingError::SizeNotEncodable { .. })), "{format:?}");
    }
}
