//! A manifest for a network that came without one: the input's size and layout
//! from its declared shape, the activation from what it answers to a test
//! picture. Normalisation cannot be seen in a graph; ImageNet's is by far the
//! most common and is taken.

use tract_onnx::{
    prelude::{InferenceModel, TractResult},
    tract_hir::{infer::Factoid as _, internal::DimLike as _},
};

use super::{Backend, Engine as _, Tensor, TractEngine, tract};
use crate::models::{
    Activation, Divisor, Input, Layout, Manifest, ModelError, ModelFile, Output, Resampling,
};

/// Columns and rows of a network that takes any size.
const FREE_SIDE: u32 = 320;
/// How far outside 0…1 rounding may carry a value that is meant to be inside.
const SLACK: f32 = 1e-3;

/// Describes a network that has no manifest.
///
/// # Errors
/// [`ModelError::Engine`] where its input is no picture of three channels or
/// the network cannot be run.
pub fn guess_manifest(name: &str, weights: &[u8]) -> Result<Manifest, ModelError> {
    let refuse = |error| ModelError::engine(name, error);
    let graph = tract::parse(weights).map_err(refuse)?;
    let input = input(&graph)
        .map_err(refuse)?
        .ok_or_else(|| ModelError::engine(name, "its input is no picture of three channels"))?;
    let mut manifest = Manifest {
        name: name.to_owned(),
        version: "0".into(),
        file: format!("{name}.onnx"),
        sha256: None,
        licence: "not stated".into(),
        source: "not stated".into(),
        input,
        output: Output::default(),
        second_look: None,
    };
    let weights = weights.to_vec().into();
    let model = ModelFile { manifest: manifest.clone(), weights, second: None };
    let answer = TractEngine::load(&model, Backend::Cpu)?
        .run(test_picture(&manifest))
        .map_err(|error| ModelError::engine(name, error))?;
    manifest.output = output(&answer, manifest.input.layout);
    Ok(manifest)
}

fn input(graph: &InferenceModel) -> TractResult<Option<Input>> {
    let shape = &graph.input_fact(0)?.shape;
    let side = |axis: usize| {
        let side = shape.dim(axis).and_then(|dim| dim.concretize());
        side.and_then(|side| side.to_usize().ok()).and_then(|side| u32::try_from(side).ok())
    };
    let (layout, height, width) = match (side(1), side(3)) {
        (Some(3), _) => (Layout::Nchw, side(2), side(3)),
        (_, Some(3)) => (Layout::Nhwc, side(1), side(2)),
        _ => return Ok(None),
    };
    Ok(Some(Input {
        name: None,
        width: width.unwrap_or(FREE_SIDE),
        height: height.unwrap_or(FREE_SIDE),
        layout,
        scale: Divisor::Full,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        filter: Resampling::Bilinear,
    }))
}

/// A bright disc on a dark ground: something a network has an opinion about.
pub(super) fn test_picture(manifest: &Manifest) -> Vec<f32> {
    let (width, height) = (manifest.input.width as usize, manifest.input.height as usize);
    let inside = |x: usize, y: usize| {
        let across = x as f32 / width as f32 - 0.5;
        let down = y as f32 / height as f32 - 0.5;
        across * across + down * down < 0.1
    };
    let value = |x, y| if inside(x, y) { 1.5 } else { -1.5 };
    let plane = (0..height).flat_map(|y| (0..width).map(move |x| value(x, y)));
    match manifest.input.layout {
        Layout::Nchw => (0..3).flat_map(|_| plane.clone()).collect(),
        Layout::Nhwc => plane.flat_map(|value| [value; 3]).collect(),
    }
}

/// One channel: it is the subject. Several: the first is the background, the
/// second the subject, as segmentation networks have it.
fn output(answer: &Tensor, layout: Layout) -> Output {
    let channels = match (answer.shape.as_slice(), layout) {
        (&[_, channels, _, _], Layout::Nchw) | (&[_, _, _, channels], Layout::Nhwc) => channels,
        _ => 1,
    };
    let finished = answer.values.iter().all(|value| (-SLACK..=1.0 + SLACK).contains(value));
    let activation = match (finished, channels) {
        (true, _) => Activation::None,
        (false, 1) => Activation::Sigmoid,
        (false, _) => Activation::SoftmaxChannel,
    };
    Output { name: None, index: 0, activation, channel: usize::from(channels > 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::tiny, models::builtin};

    #[test]
    fn the_built_in_network_is_understood_without_its_manifest() {
        let ModelFile { manifest, weights, .. } = builtin();
        let guessed = guess_manifest("seed", &weights).expect("a manifest");
        assert_eq!(guessed.input, Input { name: None, ..manifest.input });
        assert_eq!(guessed.output.activation, manifest.output.activation);
    }

    #[test]
    fn channels_and_range_decide_the_activation() {
        let rows = [
            (vec![1, 1, 1, 2], vec![0.0, 1.0], Activation::None, 0),
            (vec![1, 1, 1, 2], vec![-4.0, 3.0], Activation::Sigmoid, 0),
            (vec![1, 2, 1, 1], vec![0.25, 0.75], Activation::None, 1),
            (vec![1, 2, 1, 1], vec![-2.0, 2.0], Activation::SoftmaxChannel, 1),
        ];
        for (shape, values, activation, channel) in rows {
            let guessed = output(&Tensor { shape, values }, Layout::Nchw);
            assert_eq!((guessed.activation, guessed.channel), (activation, channel));
        }
    }

    #[test]
    fn size_and_layout_are_read_and_open_sides_get_the_usual_one() {
        let rows = [
            ([1, 3, 32, 48], Layout::Nchw, (48, 32)),
            ([1, 32, 48, 3], Layout::Nhwc, (48, 32)),
            ([0, 3, 0, 0], Layout::Nchw, (FREE_SIDE, FREE_SIDE)),
        ];
        for (shape, layout, size) in rows {
            let guessed = guess_manifest("tiny", &tiny::network(13, "Identity", shape, &[]));
            let input = guessed.expect("a manifest").input;
            assert_eq!((input.layout, (input.width, input.height)), (layout, size));
        }
        assert!(guess_manifest("grey", &tiny::network(13, "Identity", [1, 1, 9, 9], &[])).is_err());
    }

    #[test]
    fn what_is_no_network_is_an_error() {
        assert!(guess_manifest("text", b"plain text").is_err());
    }
}
