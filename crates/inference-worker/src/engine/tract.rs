//! tract, on cores or on a GPU. The plan is built and optimised once and shared;
//! a run needs nothing but scratch memory of its own.

// Linked for its side effect: the crate registers the runtime named "cuda".
#[cfg(feature = "cuda")]
use tract_cuda as _;
use tract_onnx::{
    prelude::{
        Datum as _, DatumType, Framework as _, InferenceFact, InferenceModel,
        InferenceModelExt as _, IntoTValue as _, Runnable, Runtime, Tensor as TractTensor,
        TractError, TractResult, TypedModel, onnx, runtime_for_name, tvec,
    },
    tract_hir::infer::Factoid as _,
};

#[cfg(target_arch = "x86_64")]
use super::winograd;
use super::{Backend, Engine, EngineError, Tensor, upsample};
use crate::models::{Manifest, ModelError, ModelFile};

/// A network planned by tract.
#[derive(Debug)]
pub struct TractEngine {
    plan: Box<dyn Runnable>,
    shape: [usize; 4],
}

impl TractEngine {
    /// Parses, optimises and plans a network.
    ///
    /// # Errors
    /// [`ModelError::Engine`] where the file is no network that tract can run,
    /// or the processor is not there.
    pub fn load(model: &ModelFile, backend: Backend) -> Result<Self, ModelError> {
        let refuse = |error| ModelError::engine(&model.manifest.name, error);
        let runtime = runtime(backend).map_err(refuse)?;
        let mut typed = typed(&model.weights, &model.manifest).map_err(refuse)?;
        if backend == Backend::Cpu {
            typed = with_our_operators(typed).map_err(refuse)?;
        }
        let plan = runtime.prepare(typed).map_err(refuse)?;
        Ok(Self { plan, shape: model.manifest.input_shape() })
    }
}

impl Engine for TractEngine {
    fn run(&self, input: Vec<f32>) -> Result<Tensor, EngineError> {
        let fail = |error: TractError| EngineError(format!("{error:#}"));
        let input = TractTensor::from_shape(&self.shape, &input).map_err(fail)?;
        let outputs = self.plan.run(tvec![input.into_tvalue()]).map_err(fail)?;
        let output = outputs.first().ok_or_else(|| EngineError("no output".into()))?;
        let output = output.cast_to::<f32>().map_err(fail)?;
        let view = output.to_plain_array_view::<f32>().map_err(fail)?;
        Ok(Tensor { shape: view.shape().to_vec(), values: view.iter().copied().collect() })
    }
}

/// The network with our own operators where they are faster.
fn with_our_operators(network: TypedModel) -> TractResult<TypedModel> {
    #[cfg(target_arch = "x86_64")]
    let network = winograd::rewritten(network)?;
    Ok(network)
}

fn runtime(backend: Backend) -> TractResult<&'static dyn Runtime> {
    let absent = || {
        TractResult::Err(TractError::msg(format!(
            "this binary was built without the engine '{}'",
            backend.name()
        )))
    };
    runtime_for_name(backend.name())?.map_or_else(absent, Ok)
}

/// The graph with one input of known shape, and the one output that is wanted:
/// what only serves other outputs is never computed.
fn typed(weights: &[u8], manifest: &Manifest) -> TractResult<TypedModel> {
    let mut model = parse(weights)?;
    if let Some(name) = &manifest.input.name {
        let input = model.node_id_by_name(name)?;
        model.inputs = vec![input.into()];
    }
    select_output(&mut model, manifest)?;
    let kind = input_type(&model);
    model.set_input_fact(0, InferenceFact::dt_shape(kind, manifest.input_shape()))?;
    model.into_typed()
}

pub(super) fn parse(mut weights: &[u8]) -> TractResult<InferenceModel> {
    let mut reader = onnx();
    upsample::register(&mut reader);
    let mut file = reader.proto_model_for_read(&mut weights)?;
    if let Some(graph) = &mut file.graph {
        upsample::scales_as_inputs(graph);
    }
    let model = reader.model_for_proto_model(&file)?;
    if model.inputs.is_empty() || model.outputs.is_empty() {
        return Err(TractError::msg("a network without input or output"));
    }
    Ok(model)
}

fn select_output(model: &mut InferenceModel, manifest: &Manifest) -> TractResult<()> {
    if let Some(name) = &manifest.output.name {
        return model.select_outputs_by_name([name]);
    }
    let absent = || {
        let count = model.outputs.len();
        TractError::msg(format!("output.index: there are {count} outputs"))
    };
    let output = *model.outputs.get(manifest.output.index).ok_or_else(absent)?;
    model.select_output_outlets(&[output])
}

/// The photo is fed as 32-bit floats; a network that declares no type gets them.
fn input_type(model: &InferenceModel) -> DatumType {
    let declared = model.input_fact(0).ok().and_then(|fact| fact.datum_type.concretize());
    declared.unwrap_or_else(f32::datum_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::tiny, models::builtin};

    #[test]
    fn the_built_in_network_runs_and_answers_in_range() {
        let engine = TractEngine::load(&builtin(), Backend::Cpu).expect("loads");
        let values = vec![0.0; engine.shape.iter().product()];
        let output = engine.run(values).expect("runs");
        assert_eq!(output.values.len(), output.shape.iter().product::<usize>());
        assert!(output.values.iter().all(|value| (-0.01..=1.01).contains(value)));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn our_convolutions_give_the_mask_that_tract_gives() {
        use crate::engine::probe::test_picture;

        let mut first = builtin();
        let second = *first.second.take().expect("another takes the second look");
        // Two of the encoder's and nine of the decoder's; beside them fifteen of the thin network's.
        for (ModelFile { manifest, weights, .. }, replaced) in [(first, 11), (second, 26)] {
            let network = typed(&weights, &manifest).expect("a network");
            let ours = winograd::rewritten(network.clone()).expect("rewrites");
            assert_eq!(winograd::replaced(&ours), replaced, "{}", manifest.name);
            let [ours, plain] = [ours, network].map(|network| {
                let plan = runtime(Backend::Cpu).and_then(|runtime| runtime.prepare(network));
                let shape = manifest.input_shape();
                let engine = TractEngine { plan: plan.expect("plans"), shape };
                engine.run(test_picture(&manifest)).expect("runs").values
            });
            assert!(plain.iter().any(|alpha| *alpha > 0.5), "the disc is found");
            let apart = ours.iter().zip(&plain).map(|(ours, plain)| (ours - plain).abs());
            assert!(apart.fold(0.0, f32::max) < 0.1 / 255.0, "a tenth of a grey level");
        }
    }

    #[test]
    fn a_wrong_input_is_an_error() {
        let engine = TractEngine::load(&builtin(), Backend::Cpu).expect("loads");
        assert!(engine.run(vec![0.0; 7]).is_err());
    }

    #[test]
    fn what_cannot_be_loaded_says_why() {
        let mut garbage = builtin();
        garbage.weights = (&b"not a network"[..]).into();
        let mut no_output = builtin();
        no_output.manifest.output.name = Some("depth".into());
        let mut no_index = builtin();
        no_index.manifest.output = crate::models::Output { index: 9, ..Default::default() };
        for (model, says) in [(garbage, "builtin"), (no_output, "depth"), (no_index, "index")] {
            let error = TractEngine::load(&model, Backend::Cpu).expect_err(says);
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn an_upsample_of_the_old_operator_sets_is_a_resize() {
        let mut manifest = builtin().manifest;
        manifest.input.name = None;
        manifest.output.name = None;
        (manifest.input.width, manifest.input.height) = (2, 2);
        let scales = [1.0, 1.0, 2.0, 2.0];
        let shape = [1, 3, 2, 2];
        let rows = [
            tiny::network(9, "Upsample", shape, &scales),
            tiny::network_with_attribute(7, "Upsample", shape, ("scales", &scales)),
        ];
        for weights in rows {
            let weights = weights.into();
            let model = ModelFile { manifest: manifest.clone(), weights, second: None };
            let engine = TractEngine::load(&model, Backend::Cpu).expect("loads");
            let output = engine.run((0..12).map(|value| value as f32).collect()).expect("runs");
            assert_eq!(output.shape, [1, 3, 4, 4]);
            assert_eq!(output.values[..8], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_processor_that_is_not_built_in_is_an_error() {
        let error = TractEngine::load(&builtin(), Backend::Cuda).expect_err("no CUDA");
        assert!(error.to_string().contains("cuda"), "{error}");
    }
}
