//! 3×3 convolutions by Winograd's minimal filtering: a quarter of the multiplications. The matrix products that remain
//! are done by tract's own kernels (`conv`), the transforms around them here (`tiles`, `transform`, `eight`).

mod conv;
mod eight;
mod packed;
mod tiles;
mod transform;

use tract_onnx::tract_core::{
    internal::*,
    ops::{
        cnn::{Conv, KernelFormat},
        nn::DataFormat,
    },
};

use conv::{Shapes, WinogradConv};
use transform::grid;

/// Fewer channels than these, on either side, do not pay for the transforms.
const LEAST_CHANNELS: usize = 16;
/// Nor do fewer tiles: the products' matrices become too flat.
const LEAST_TILES: usize = 16;
/// Pairs of an input and an output channel. The points of a kernel take four times the memory of its
/// taps, and those of more pairs (4.7 MB) no longer fit into a core's cache.
const MOST_PAIRS: usize = 1 << 15;
/// Rows or columns of zeros on one side; more are no part of an ordinary network.
const MOST_PADDING: usize = 2;

/// The network with its convolutions replaced where that is worth it; on processors without AVX2 and
/// FMA none is.
pub(super) fn rewritten(model: TypedModel) -> TractResult<TypedModel> {
    // Decluttered, weights that come out of other nodes are constants.
    let mut model = model.into_decluttered()?;
    for node in model.eval_order()? {
        let Some(op) = replacement(&model, model.node(node))? else { continue };
        let mut patch = TypedModelPatch::new("winograd");
        let input = patch.tap_model(&model, model.node(node).inputs[0])?;
        let output = patch.wire_node(&model.node(node).name, op, &[input])?[0];
        patch.shunt_outside(&model, node.into(), output)?;
        patch.obliterate(node)?;
        patch.apply(&mut model)?;
    }
    Ok(model)
}

/// What computes the same as a node, if it is a convolution that is worth it.
fn replacement(model: &TypedModel, node: &TypedNode) -> TractResult<Option<WinogradConv>> {
    let Some(conv) = node.op_as::<Conv>().filter(|conv| suits(conv)) else { return Ok(None) };
    let [input, kernels, bias] = *node.inputs else { return Ok(None) };
    let (Some(input), Some(output), Some(kernels), Some(bias)) = (
        concrete(model.outlet_fact(input)?),
        concrete(&node.outputs[0].fact),
        &model.outlet_fact(kernels)?.konst,
        &model.outlet_fact(bias)?.konst,
    ) else {
        return Ok(None);
    };
    let plain = kernels.shape() == [output[1], input[1], 3, 3]
        && [kernels, bias].iter().all(|t| t.is_plain() && t.datum_type() == DatumType::F32);
    if !plain || !is_worth_it(input, output) {
        return Ok(None);
    }
    let Some(before) = padding_before(conv, input, output) else { return Ok(None) };
    let shapes = Shapes { input, output, batched: conv.pool_spec.data_format.has_n() };
    WinogradConv::new(kernels, bias, before, shapes)
}

fn is_worth_it(input: [usize; 4], [_, outputs, rows, columns]: [usize; 4]) -> bool {
    input[1].min(outputs) >= LEAST_CHANNELS
        && input[1] * outputs <= MOST_PAIRS
        && grid([rows, columns]).into_iter().product::<usize>() >= LEAST_TILES
        && !input.contains(&0)
}

/// Zeros above and to the left, of a convolution whose padding is of an ordinary kind and leads from
/// the one shape to the other.
fn padding_before(conv: &Conv, input: [usize; 4], output: [usize; 4]) -> Option<[usize; 2]> {
    let padding = conv.pool_spec.computed_padding(&input[2..]);
    let mut sides = padding.iter().zip(input[2..].iter().zip(&output[2..]));
    let fits = sides.all(|(pad, (from, to))| {
        pad.pad_before.max(pad.pad_after) <= MOST_PADDING
            && from + pad.pad_before + pad.pad_after == to + 2
    });
    fits.then(|| [padding[0].pad_before, padding[1].pad_before])
}

fn suits(conv: &Conv) -> bool {
    let pool = &conv.pool_spec;
    pool.kernel_shape[..] == [3, 3]
        && pool.strides().iter().chain(&*pool.dilations()).all(|&step| step == 1)
        && matches!(pool.data_format, DataFormat::NCHW | DataFormat::CHW)
        && (conv.group, conv.kernel_fmt) == (1, KernelFormat::OIHW)
        && conv.q_params.is_none()
}

/// The shape `[N, C, H, W]` of 32-bit floats, where it is known; of `[C, H, W]` with an N of 1.
fn concrete(fact: &TypedFact) -> Option<[usize; 4]> {
    match *fact.shape.as_concrete().filter(|_| fact.datum_type == DatumType::F32)? {
        [n, c, h, w] => Some([n, c, h, w]),
        [c, h, w] => Some([1, c, h, w]),
        _ => None,
    }
}

/// How many nodes of a network are ours.
#[cfg(test)]
pub(super) fn replaced(model: &TypedModel) -> usize {
    model.nodes().iter().filter(|node| node.op_is::<WinogradConv>()).count()
}

#[cfg(test)]
mod tests {
    //! On a processor with AVX2 and FMA.

    use tract_onnx::tract_core::ops::cnn::{PaddingSpec, PoolSpec};

    use super::*;

    fn noise(shape: &[usize], seed: u32) -> Tensor {
        let mut state = seed;
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        Tensor::from_shape(shape, &values).expect("as many values as the shape has")
    }

    /// A network of one convolution of images of a shape, `[N, C, H, W]` or `[C, H, W]`.
    fn network(shape: &[usize], outputs: usize, padding: PaddingSpec, bias: Tensor) -> TypedModel {
        let (channels, batched) = (shape[shape.len() - 3], shape.len() == 4);
        let mut model = TypedModel::default();
        let input = model.add_source("image", f32::fact(shape)).expect("an input");
        let kernels = noise(&[outputs, channels, 3, 3], 1);
        let kernels = model.add_const("kernels", kernels).expect("a constant");
        let bias = model.add_const("bias", bias).expect("a constant");
        let pool_spec = PoolSpec {
            data_format: if batched { DataFormat::NCHW } else { DataFormat::CHW },
            kernel_shape: tvec![3, 3],
            padding,
            dilations: None,
            strides: None,
            input_channels: channels,
            output_channels: outputs,
        };
        let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
        let output = model.wire_node("conv", conv, &[input, kernels, bias]).expect("a node");
        model.select_output_outlets(&output).expect("an output");
        model
    }

    fn explicit(before: [usize; 2], after: [usize; 2]) -> PaddingSpec {
        PaddingSpec::Explicit(before.as_slice().into(), after.as_slice().into())
    }

    fn answer(model: TypedModel, image: &Tensor) -> Tensor {
        let plan = model.into_optimized().expect("optimises").into_runnable().expect("plans");
        let mut outputs = plan.run(tvec![image.clone().into_tvalue()]).expect("runs");
        outputs.remove(0).into_tensor()
    }

    fn check(shape: &[usize], outputs: usize, padding: PaddingSpec, bias: Tensor) {
        let image = noise(shape, 7);
        let plain = network(shape, outputs, padding, bias);
        let ours = rewritten(plain.clone()).expect("rewrites");
        assert_eq!(replaced(&ours), 1, "{shape:?}");
        let [ours, plain] = [ours, plain].map(|model| answer(model, &image));
        assert_eq!(ours.shape(), plain.shape());
        let [ours, plain] =
            [&ours, &plain].map(|t| t.to_plain_array_view::<f32>().expect("floats"));
        let apart = ours.iter().zip(plain.iter()).map(|(ours, plain)| (ours - plain).abs());
        // The sums have up to 864 terms of up to 1.
        assert!(apart.fold(0.0, f32::max) < 1e-3, "{shape:?}");
    }

    #[test]
    fn it_gives_what_the_convolution_gives() {
        let same = || explicit([1, 1], [1, 1]);
        let rows: [(&[usize], _, _); 12] = [
            (&[1, 16, 16, 16], 16, same()),
            (&[1, 96, 16, 16], 96, same()),
            (&[2, 17, 23, 37], 21, same()),
            (&[1, 48, 64, 64], 48, same()),
            (&[1, 48, 50, 70], 48, same()),
            (&[1, 16, 64, 3], 16, same()),
            (&[1, 16, 49, 10], 16, same()),
            (&[2, 48, 33, 41], 48, same()),
            (&[32, 30, 33], 18, same()),
            (&[1, 16, 18, 31], 40, PaddingSpec::Valid),
            (&[1, 20, 19, 22], 16, explicit([0, 2], [2, 0])),
            (&[1, 20, 19, 22], 16, PaddingSpec::SameLower),
        ];
        for (shape, outputs, padding) in rows {
            let bias: Vec<f32> = (0..outputs).map(|at| at as f32 / 8.0).collect();
            check(shape, outputs, padding, tensor1(&bias));
        }
        check(&[1, 16, 16, 16], 16, same(), tensor0(0.5_f32));
    }

    #[test]
    fn small_thin_huge_and_odd_ones_stay_as_they_are() {
        let same = || PaddingSpec::SameUpper;
        let rows = [
            ([1, 8, 64, 64], 64, same()),
            ([1, 64, 64, 64], 8, same()),
            ([1, 64, 8, 8], 64, same()),
            ([1, 256, 16, 16], 256, same()),
            ([0, 16, 16, 16], 16, same()),
            ([1, 16, 16, 16], 16, explicit([40, 0], [0, 0])),
        ];
        for (shape, outputs, padding) in rows {
            let plain = network(&shape, outputs, padding, tensor0(0.0_f32));
            assert_eq!(replaced(&rewritten(plain).expect("rewrites")), 0, "{shape:?}");
        }
    }
}
