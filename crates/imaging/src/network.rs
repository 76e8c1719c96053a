//! A photo as a network's input tensor.

use std::borrow::Cow;

use resampling::Filter;

use crate::resize::Plane;
use crate::{ImagingError, Photo, Size};

/// Order of the tensor's axes; the batch is always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorLayout {
    /// `[1, 3, height, width]`: a plane each of red, green and blue.
    Nchw,
    /// `[1, height, width, 3]`: interleaved.
    Nhwc,
}

/// What 8-bit values are divided by before the mean is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// 255.
    Full,
    /// The largest sample of the resized photo, as the rembg project feeds its networks.
    Brightest,
}

/// How a network wants its photo.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Tensor width and height in pixels; the photo is stretched to it.
    pub size: Size,
    /// Axis order.
    pub layout: TensorLayout,
    /// What the samples are divided by.
    pub scale: Scale,
    /// Taken off each of red, green and blue after scaling.
    pub mean: [f32; 3],
    /// Each of red, green and blue is divided by this last.
    pub std: [f32; 3],
    /// Resampling filter; networks are usually trained with [`Filter::Bilinear`].
    pub filter: Filter,
}

/// The photo as float32 data of the shape and normalisation in `spec`.
///
/// Stretched to the tensor's size with antialiasing; transparent parts are seen on white, so that
/// colours nobody can see do not steer the network.
///
/// # Errors
/// [`ImagingError::Internal`] when the resizer refuses, such as for an empty tensor.
pub fn network_input(photo: &Photo, spec: &InputSpec) -> Result<Vec<f32>, ImagingError> {
    let visible = on_white(photo);
    let resized = Plane { pixels: &visible, size: photo.size(), channels: 3, premultiplied: true }
        .resized(spec.size, spec.filter)?;
    Ok(normalised(&resized, spec))
}

/// Turns the input tensor that [`network_input`] makes for `spec` into that of the photo's mirror
/// image, left and right exchanged.
pub fn mirror_input(input: &mut [f32], spec: &InputSpec) {
    let width = spec.size.width as usize;
    match spec.layout {
        TensorLayout::Nchw => input.chunks_exact_mut(width).for_each(<[f32]>::reverse),
        TensorLayout::Nhwc => {
            input.as_chunks_mut::<3>().0.chunks_exact_mut(width).for_each(<[[f32; 3]]>::reverse);
        }
    }
}

fn on_white(photo: &Photo) -> Cow<'_, [u8]> {
    let Some(alpha) = &photo.alpha else {
        return Cow::Borrowed(photo.colour.as_raw());
    };
    let mut visible = photo.colour.as_raw().clone();
    for (pixel, &a) in visible.as_chunks_mut::<3>().0.iter_mut().zip(alpha.as_raw()) {
        *pixel = pixel.map(|c| crate::compose::blend(c, 255, a));
    }
    Cow::Owned(visible)
}

fn normalised(rgb: &[u8], spec: &InputSpec) -> Vec<f32> {
    let divisor = match spec.scale {
        Scale::Full => 255.0,
        Scale::Brightest => f32::from(rgb.iter().copied().max().unwrap_or(0).max(1)),
    };
    let table: [[f32; 256]; 3] = std::array::from_fn(|c| {
        std::array::from_fn(|level| (level as f32 / divisor - spec.mean[c]) / spec.std[c])
    });
    let pixels = rgb.as_chunks::<3>().0;
    let value = |pixel: &[u8; 3], c: usize| table[c][usize::from(pixel[c])];
    match spec.layout {
        TensorLayout::Nchw => {
            (0..3).flat_map(|c| pixels.iter().map(move |pixel| value(pixel, c))).collect()
        }
        TensorLayout::Nhwc => {
            pixels.iter().flat_map(|pixel| (0..3).map(move |c| value(pixel, c))).collect()
        }
    }
}
