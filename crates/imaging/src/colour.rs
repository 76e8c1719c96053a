//! Samples of any colour model to sRGB, through the embedded ICC profile when there is a sound one.
//!
//! A profile that cannot be parsed, or that is for another colour model, is ignored: the samples
//! are then taken as sRGB, grey with sRGB's curve, or CMYK by the plain multiplicative formula.

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};
use std::sync::Arc;

/// Pixels converted at a time: small enough for the second-level cache.
const CHUNK: usize = 4096;

/// Interleaved 8-bit samples as a decoder gives them.
#[derive(Debug)]
pub(crate) enum Samples {
    /// One byte a pixel.
    Grey(Vec<u8>),
    /// Three bytes a pixel.
    Rgb(Vec<u8>),
    /// Four bytes a pixel, 255 = full ink.
    Cmyk(Vec<u8>),
}

/// Converts to interleaved sRGB.
pub(crate) fn into_srgb(samples: Samples, profile: Option<&[u8]>) -> Vec<u8> {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    match samples {
        Samples::Grey(grey) => grey_to_srgb(&grey, profile.as_ref()),
        Samples::Rgb(rgb) => rgb_to_srgb(rgb, profile.as_ref()),
        Samples::Cmyk(cmyk) => cmyk_to_srgb(&cmyk, profile.as_ref()),
    }
}

fn transform(
    profile: Option<&ColorProfile>,
    space: DataColorSpace,
    layout: Layout,
) -> Option<Arc<Transform8BitExecutor>> {
    let profile = profile.filter(|profile| profile.color_space == space)?;
    profile
        .create_transform_8bit(
            layout,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .ok()
}

fn grey_to_srgb(grey: &[u8], profile: Option<&ColorProfile>) -> Vec<u8> {
    let mut table = [[0; 3]; 256];
    for (level, entry) in table.iter_mut().enumerate() {
        *entry = [level as u8; 3];
    }
    if let Some(transform) = transform(profile, DataColorSpace::Gray, Layout::Gray) {
        let levels: [u8; 256] = std::array::from_fn(|level| level as u8);
        let mut converted = table;
        if transform.transform(&levels, converted.as_flattened_mut()).is_ok() {
            table = converted;
        }
    }
    let mut rgb = vec![0; grey.len() * 3];
    for (pixel, &level) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(grey) {
        *pixel = table[usize::from(level)];
    }
    rgb
}

fn rgb_to_srgb(mut rgb: Vec<u8>, profile: Option<&ColorProfile>) -> Vec<u8> {
    let Some(transform) = transform(profile, DataColorSpace::Rgb, Layout::Rgb) else {
        return rgb;
    };
    if is_srgb(&transform) {
        return rgb;
    }
    let mut source = [0; CHUNK * 3];
    for chunk in rgb.chunks_mut(CHUNK * 3) {
        let source = &mut source[..chunk.len()];
        source.copy_from_slice(chunk);
        if transform.transform(source, chunk).is_err() {
            chunk.copy_from_slice(source);
        }
    }
    rgb
}

/// Whether a transform moves no colour by more than rounding.
///
/// Most embedded profiles are sRGB itself under one of many names and headers; asking a coarse
/// grid of colours is safer than asking the name, and saves a pass over the picture.
fn is_srgb(transform: &Arc<Transform8BitExecutor>) -> bool {
    const STEPS: usize = 16;
    let level = |step: usize| (step * 255 / (STEPS - 1)) as u8;
    let mut grid = Vec::with_capacity(STEPS * STEPS * STEPS * 3);
    for index in 0..STEPS * STEPS * STEPS {
        let steps = [index / STEPS / STEPS, index / STEPS % STEPS, index % STEPS];
        grid.extend(steps.map(level));
    }
    let mut moved = vec![0; grid.len()];
    transform.transform(&grid, &mut moved).is_ok()
        && grid.iter().zip(&moved).all(|(a, b)| a.abs_diff(*b) <= 1)
}

fn cmyk_to_srgb(cmyk: &[u8], profile: Option<&ColorProfile>) -> Vec<u8> {
    let mut rgb = vec![0; cmyk.len() / 4 * 3];
    // A four-channel source is laid out as `Rgba` in moxcms.
    let transform = transform(profile, DataColorSpace::Cmyk, Layout::Rgba);
    for (inks, out) in cmyk.chunks(CHUNK * 4).zip(rgb.chunks_mut(CHUNK * 3)) {
        let converted =
            transform.as_ref().is_some_and(|transform| transform.transform(inks, out).is_ok());
        if !converted {
            multiply_inks(inks, out);
        }
    }
    rgb
}

/// The uncalibrated conversion every viewer falls back on: each ink and black filter the light.
fn multiply_inks(inks: &[u8], out: &mut [u8]) {
    for (ink, pixel) in inks.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<3>().0) {
        let white = 255 - u32::from(ink[3]);
        *pixel = std::array::from_fn(|c| (((255 - u32::from(ink[c])) * white + 127) / 255) as u8);
    }
}
