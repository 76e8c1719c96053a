//! From a network's output tensor to a matte: which plane of it, and what makes
//! that 0…1.

use imaging::Matte;

use super::{EngineError, Tensor};
use crate::models::{Activation, Layout, Manifest};

/// Rows, columns and channels of an output, and how far apart they lie.
struct Planes {
    height: usize,
    width: usize,
    channels: usize,
    channel_stride: usize,
    pixel_stride: usize,
}

/// The matte in an output tensor of shape `[1, C, H, W]`, `[1, H, W, C]` (by the
/// manifest's layout), `[1, H, W]` or `[H, W]`.
///
/// # Errors
/// Where the shape is none of these, or lacks the manifest's channel.
pub fn matte(output: &Tensor, manifest: &Manifest) -> Result<Matte, EngineError> {
    let planes = planes(output, manifest.input.layout)?;
    let channel = manifest.output.channel;
    if channel >= planes.channels {
        let Planes { channels, .. } = planes;
        return Err(EngineError(format!("output.channel {channel} of {channels}")));
    }
    let mut values = plane(&output.values, &planes, channel, manifest.output.activation);
    if manifest.output.activation == Activation::Minmax {
        stretch(&mut values);
    }
    let side =
        |side: usize| u32::try_from(side).map_err(|_| EngineError("output too large".into()));
    Matte::new(values, side(planes.width)?, side(planes.height)?)
        .map_err(|error| EngineError(error.to_string()))
}

fn planes(output: &Tensor, layout: Layout) -> Result<Planes, EngineError> {
    let (channels, height, width, interleaved) = match (output.shape.as_slice(), layout) {
        (&[1, c, h, w], Layout::Nchw) => (c, h, w, false),
        (&[1, h, w, c], Layout::Nhwc) => (c, h, w, true),
        (&[1, h, w] | &[h, w], _) => (1, h, w, false),
        (shape, _) => return Err(EngineError(format!("output of shape {shape:?}"))),
    };
    if output.values.len() != channels * height * width {
        return Err(EngineError(format!("{} output values", output.values.len())));
    }
    let (channel_stride, pixel_stride) =
        if interleaved { (1, channels) } else { (height * width, 1) };
    Ok(Planes { height, width, channels, channel_stride, pixel_stride })
}

fn plane(values: &[f32], planes: &Planes, channel: usize, activation: Activation) -> Vec<f32> {
    let at = |pixel: usize, channel: usize| {
        values[pixel * planes.pixel_stride + channel * planes.channel_stride]
    };
    let value = |pixel: usize| match activation {
        Activation::None | Activation::Minmax => at(pixel, channel),
        Activation::Sigmoid => 1.0 / (1.0 + (-at(pixel, channel)).exp()),
        // The sum of e^(other − mine) is 1 / softmax, and overflows only to
        // infinity, which is a softmax of 0.
        Activation::SoftmaxChannel => {
            let mine = at(pixel, channel);
            let odds: f32 = (0..planes.channels).map(|c| (at(pixel, c) - mine).exp()).sum();
            1.0 / odds
        }
    };
    (0..planes.height * planes.width).map(value).collect()
}

/// A flat output stays as it is: there is nothing to stretch.
fn stretch(values: &mut [f32]) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if high > low {
        for value in values {
            *value = (*value - low) / (high - low);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::builtin;

    fn manifest(layout: Layout, activation: Activation, channel: usize) -> Manifest {
        let mut manifest = builtin().manifest;
        manifest.input.layout = layout;
        manifest.output.activation = activation;
        manifest.output.channel = channel;
        manifest
    }

    /// Shape and values, the manifest's part, and what comes of them.
    type Row<'r> = (&'r [usize], &'r [f32], Layout, Activation, usize, &'r [f32]);

    #[test]
    fn every_shape_and_activation() {
        use Activation::{Minmax, None, Sigmoid, SoftmaxChannel};
        use Layout::{Nchw, Nhwc};
        let two = [0.0, 1.0, 3.0, 1.0];
        let odds = 1.0 / (1.0 + 3.0_f32.exp());
        let rows: [Row<'_>; 8] = [
            (&[1, 1, 1, 2], &[0.2, 0.7], Nchw, None, 0, &[0.2, 0.7]),
            (&[1, 1, 2, 1], &[0.2, 0.7], Nhwc, None, 0, &[0.2, 0.7]),
            (&[1, 2], &[-1.0, 2.0], Nchw, None, 0, &[0.0, 1.0]),
            (&[1, 1, 2], &[0.0, f32::NAN], Nchw, None, 0, &[0.0, 0.0]),
            (&[1, 2], &[0.0, 100.0], Nchw, Sigmoid, 0, &[0.5, 1.0]),
            (&[1, 3], &[2.0, 4.0, 3.0], Nchw, Minmax, 0, &[0.0, 1.0, 0.5]),
            (&[1, 2, 1, 2], &two, Nchw, SoftmaxChannel, 1, &[1.0 - odds, 0.5]),
            (&[1, 1, 2, 2], &two, Nhwc, None, 1, &[1.0, 1.0]),
        ];
        for (shape, values, layout, activation, channel, expected) in rows {
            let output = Tensor { shape: shape.to_vec(), values: values.to_vec() };
            let matte = matte(&output, &manifest(layout, activation, channel)).expect("a matte");
            let close = matte.values().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "{shape:?} {activation:?}: {:?}", matte.values());
        }
    }

    #[test]
    fn a_flat_output_is_not_stretched() {
        let output = Tensor { shape: vec![1, 2], values: vec![0.3, 0.3] };
        let matte =
            matte(&output, &manifest(Layout::Nchw, Activation::Minmax, 0)).expect("a matte");
        assert_eq!(matte.values(), [0.3, 0.3]);
    }

    #[test]
    fn a_wrong_shape_or_channel_is_an_error() {
        for (shape, channel) in [(vec![2, 1, 1, 1], 0), (vec![2], 0), (vec![1, 2, 1, 1], 2)] {
            let output = Tensor { shape, values: vec![0.0; 2] };
            assert!(matte(&output, &manifest(Layout::Nchw, Activation::None, channel)).is_err());
        }
    }
}
