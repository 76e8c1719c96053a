//! The input tensor: shape, order, normalisation, and the resampling networks are trained with.

use image::{GrayImage, Luma, Rgb, RgbImage};
use imaging::{Filter, InputSpec, Photo, Scale, Size, TensorLayout, mirror_input, network_input};

use crate::fixtures::gradient;

fn spec(layout: TensorLayout) -> InputSpec {
    InputSpec {
        size: Size::new(8, 8),
        layout,
        scale: Scale::Full,
        mean: [0.0; 3],
        std: [1.0; 3],
        filter: Filter::Bilinear,
    }
}

#[test]
fn a_flat_photo_is_flat_in_every_layout() {
    let photo = Photo::opaque(RgbImage::from_pixel(50, 20, Rgb([255, 51, 0])));
    let planes = network_input(&photo, &spec(TensorLayout::Nchw)).unwrap();
    let pixels = network_input(&photo, &spec(TensorLayout::Nhwc)).unwrap();
    assert_eq!(planes.len(), 3 * 64);
    for i in 0..64 {
        let expected = [1.0, 0.2, 0.0];
        for c in 0..3 {
            assert!((planes[c * 64 + i] - expected[c]).abs() < 1e-6);
            assert!((pixels[i * 3 + c] - expected[c]).abs() < 1e-6);
        }
    }
}

#[test]
fn a_mirrored_input_is_the_mirror_images() {
    let photo = Photo::opaque(gradient(8, 8));
    let mirrored = Photo::opaque(image::imageops::flip_horizontal(&photo.colour));
    for layout in [TensorLayout::Nchw, TensorLayout::Nhwc] {
        let spec = spec(layout);
        let mut input = network_input(&photo, &spec).unwrap();
        let expected = network_input(&mirrored, &spec).unwrap();
        assert_ne!(input, expected);
        mirror_input(&mut input, &spec);
        assert_eq!(input, expected);
    }
}

#[test]
fn mean_and_deviation_are_applied_after_scaling() {
    let photo = Photo::opaque(RgbImage::from_pixel(10, 10, Rgb([128, 64, 32])));
    let mut spec = spec(TensorLayout::Nchw);
    spec.mean = [0.5, 0.25, 0.0];
    spec.std = [0.5, 0.1, 2.0];
    let full = network_input(&photo, &spec).unwrap();
    let expected = |levels: [f32; 3], divisor: f32| {
        std::array::from_fn::<f32, 3, _>(|c| (levels[c] / divisor - spec.mean[c]) / spec.std[c])
    };
    for (c, value) in expected([128.0, 64.0, 32.0], 255.0).into_iter().enumerate() {
        assert!((full[c * 64] - value).abs() < 1e-5);
    }
    spec.scale = Scale::Brightest;
    let brightest = network_input(&photo, &spec).unwrap();
    let expected = |c: usize| ([128.0, 64.0, 32.0][c] / 128.0 - spec.mean[c]) / spec.std[c];
    for c in 0..3 {
        assert!((brightest[c * 64] - expected(c)).abs() < 1e-5);
    }
}

#[test]
fn reduction_is_antialiased() {
    // One-pixel stripes: without antialiasing they would come out black or white.
    let stripes = RgbImage::from_fn(256, 256, |x, _| Rgb([if x % 2 == 0 { 255 } else { 0 }; 3]));
    let input = network_input(&Photo::opaque(stripes), &spec(TensorLayout::Nchw)).unwrap();
    assert!(input.iter().all(|v| (v - 0.5).abs() < 0.02));
}

#[test]
fn agrees_with_the_triangle_filter() {
    let photo = gradient(37, 23);
    let spec = spec(TensorLayout::Nchw);
    let input = network_input(&Photo::opaque(photo.clone()), &spec).unwrap();
    for (index, &value) in input.iter().enumerate() {
        let (c, y, x) = (index / 64, index / 8 % 8, index % 8);
        let expected = triangle(&photo, c, x, y);
        assert!((value - expected).abs() < 0.006, "{value} for {expected}");
    }
}

/// One sample by the definition of Pillow's antialiased bilinear reduction to 8 × 8.
fn triangle(photo: &RgbImage, c: usize, x: usize, y: usize) -> f32 {
    let weights = |at: usize, side: u32| -> Vec<f64> {
        let scale = f64::from(side) / 8.0;
        let centre = (at as f64 + 0.5) * scale;
        let weight = |i: u32| (1.0 - ((f64::from(i) + 0.5 - centre) / scale).abs()).max(0.0);
        let weights: Vec<f64> = (0..side).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / sum).collect()
    };
    let (across, down) = (weights(x, photo.width()), weights(y, photo.height()));
    let sum: f64 = photo
        .enumerate_pixels()
        .map(|(px, py, p)| across[px as usize] * down[py as usize] * f64::from(p[c]))
        .sum();
    (sum / 255.0) as f32
}

#[test]
fn hidden_colours_do_not_reach_the_network() {
    let mut photo = Photo::opaque(RgbImage::from_pixel(16, 16, Rgb([10, 20, 30])));
    photo.alpha = Some(GrayImage::from_pixel(16, 16, Luma([0])));
    let input = network_input(&photo, &spec(TensorLayout::Nchw)).unwrap();
    assert!(input.iter().all(|v| (v - 1.0).abs() < 1e-6), "transparent is seen as white");
}
