//! The operator: a 3×3 convolution of stride 1 as 36 matrix products, by the kernels that tract has for this processor.

use tract_onnx::tract_core::{
    internal::*,
    tract_linalg::{
        MmmDispatch,
        mmm::{AsInputValue, FusedSpec, MMMInputValue, MatMatMul, Query},
        pack::PackedFormat,
    },
};

use super::{
    eight::{Avx2, LANES},
    packed::{GAP, Packed},
    tiles::{Padded, Planes},
    transform::{self, POINTS},
};

/// Bytes that the points of a block of tiles may take, inputs and outputs together, unless the fewest
/// tiles that a product takes need more: so they stay in the second-level cache of a server's core.
const BLOCK_BYTES: usize = 3 << 17;

/// A convolution of images `[N, C, H, W]` with 3×3 kernels: stride 1, no dilation, one group.
#[derive(Debug, Clone)]
pub(super) struct WinogradConv {
    /// Rows are tiles, columns output channels.
    product: Box<dyn MatMatMul>,
    packing: usize,
    /// Of the tiles.
    format: PackedFormat,
    /// For each point the `[input channels, output channels]` matrix, packed.
    weights: Arc<Vec<Box<dyn MMMInputValue>>>,
    /// One value for each output channel.
    bias: Arc<Tensor>,
    /// Rows above and columns to the left that are taken as zeros.
    before: [usize; 2],
    shapes: Shapes,
    /// The transforms are compiled for it.
    _avx2: Avx2,
}

/// What a convolution takes and gives, `[N, C, H, W]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shapes {
    pub(super) input: [usize; 4],
    pub(super) output: [usize; 4],
    /// Whether the network's tensors have the N at all.
    pub(super) batched: bool,
}

impl Shapes {
    /// The output's, as the network has it.
    fn output(&self) -> &[usize] {
        &self.output[usize::from(!self.batched)..]
    }
}

/// Only clones are equal: tract has merged nodes of equal weights before, and comparing megabytes
/// with every other node would take a network of many layers long.
impl PartialEq for WinogradConv {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights)
    }
}

impl Eq for WinogradConv {}

impl WinogradConv {
    /// The operator for kernels of shape `[output, input, 3, 3]`, or `None` where this processor or
    /// tract's kernel for it does not suit.
    pub(super) fn new(
        kernels: &Tensor,
        bias: &Tensor,
        before: [usize; 2],
        shapes: Shapes,
    ) -> TractResult<Option<Self>> {
        let ([_, inputs, ..], [_, outputs, height, width]) = (shapes.input, shapes.output);
        let Some(avx2) = Avx2::detected() else { return Ok(None) };
        let tiles = transform::grid([height, width]).into_iter().product();
        let query = Query::plain(DatumType::F32, Some(tiles), Some(inputs), Some(outputs));
        let query = Query { allow_extractor: false, ..query };
        let Some((product, packing, _)) = MmmDispatch::native().pick(&query) else {
            return Ok(None);
        };
        let (of_tiles, of_weights) = &product.packings()[packing];
        let formats =
            (of_tiles.downcast_ref::<PackedFormat>(), of_weights.downcast_ref::<PackedFormat>());
        let (Some(of_tiles), Some(of_weights)) = formats else { return Ok(None) };
        let of_product = of_tiles.r == product.mr() && of_weights.r == product.nr();
        if !of_product || !product.mr().is_multiple_of(LANES) {
            return Ok(None);
        }
        let weights = Arc::new(packed_weights(kernels, of_weights, inputs, outputs)?);
        let format = PackedFormat::clone(of_tiles);
        // One value may stand for all channels.
        let bias = bias.broadcast_to_shape(&[outputs])?.into_arc_tensor();
        Ok(Some(Self { packing, format, weights, bias, before, shapes, product, _avx2: avx2 }))
    }

    /// Tiles of a block: a multiple of what the product takes at once.
    fn block(&self, tiles: usize) -> usize {
        let rows = self.product.mr();
        let (inputs, outputs) = (self.shapes.input[1], self.shapes.output[1]);
        let bytes = POINTS * (inputs + outputs) * size_of::<f32>();
        let fits = (BLOCK_BYTES / bytes / rows).max(1) * rows;
        fits.min(tiles.next_multiple_of(rows))
    }

    fn image(&self, image: &[f32], output: &mut [f32]) -> TractResult<()> {
        let [_, inputs, height, width] = self.shapes.input;
        let [_, outputs, rows, columns] = self.shapes.output;
        let padded = Padded::new(image, [inputs, height, width], self.before, [rows, columns]);
        let block = self.block(padded.tiles());
        let mut points = Packed::new(&self.format, inputs, block);
        let stride = outputs * block + GAP;
        let mut products = Tensor::zero::<f32>(&[POINTS, stride])?;
        let bias = self.bias.try_as_plain_ram()?;
        let mut planes = Planes { values: output, rows, columns, bias: bias.as_slice()? };
        for first in (0..padded.tiles()).step_by(block) {
            let layout = points.layout();
            // SAFETY: the processor has AVX2 and FMA, as `_avx2` shows.
            unsafe { padded.transform(first, block, layout, points.values_mut()?) };
            self.multiply(&points, block, &mut products)?;
            let products = products.try_as_plain_ram_mut()?;
            let products = products.as_slice::<f32>()?;
            // SAFETY: as above.
            unsafe { planes.finish(first, block, products, stride) };
        }
        Ok(())
    }

    /// One matrix product for each point: of the block's tiles, for each output channel.
    fn multiply(&self, points: &Packed, block: usize, products: &mut Tensor) -> TractResult<()> {
        let outputs = self.shapes.output[1];
        // SAFETY: it is used with the product that it is from.
        let mut scratch = unsafe { self.product.allocate_scratch_space() };
        for (point, (tiles, weights)) in points.matrices().zip(&*self.weights).enumerate() {
            let room = TensorView::at_prefix(products, &[point])?;
            // SAFETY: there is room for `[outputs, block]` floats, one after another, and both
            // operands are packed in the formats of `self.packing`.
            unsafe {
                let store =
                    self.product.c_from_data_and_strides(size_of::<f32>(), 1, block as isize);
                let product = FusedSpec::AddMatMul {
                    a: AsInputValue::Borrowed(&tiles),
                    b: AsInputValue::Borrowed(&**weights),
                    packing: self.packing,
                };
                let steps = [product, FusedSpec::Store(store.wrap(&room))];
                self.product.run_with_scratch_space(block, outputs, &mut *scratch, &steps)?;
            }
        }
        Ok(())
    }
}

fn packed_weights(
    kernels: &Tensor,
    format: &PackedFormat,
    inputs: usize,
    outputs: usize,
) -> TractResult<Vec<Box<dyn MMMInputValue>>> {
    let kernels = kernels.try_as_plain_ram()?;
    let (kernels, _) = kernels.as_slice::<f32>()?.as_chunks();
    let mut points = vec![vec![0.0; inputs * outputs]; POINTS];
    for (at, taps) in kernels.iter().enumerate() {
        let (output, input) = (at / inputs, at % inputs);
        for (matrix, value) in points.iter_mut().zip(transform::weights(taps)) {
            matrix[input * outputs + output] = value;
        }
    }
    let pack = |matrix: Vec<f32>| {
        let matrix = Tensor::from_shape(&[inputs, outputs], &matrix)?;
        format.pack_tensor(&matrix, 0, 1)
    };
    points.into_iter().map(pack).collect()
}

impl Op for WinogradConv {
    fn name(&self) -> StaticName {
        "WinogradConv".into()
    }

    fn validation(&self) -> Validation {
        Validation::Rounding
    }

    op_as_typed_op!();
}

impl EvalOp for WinogradConv {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let images = args_1!(inputs);
        let images = images.try_as_plain_ram()?;
        ensure!(
            images.len() == self.shapes.input.iter().product::<usize>(),
            "an input of another shape"
        );
        let mut output = Tensor::zero::<f32>(self.shapes.output())?;
        let mut values = output.try_as_plain_ram_mut()?;
        let [of_input, of_output] =
            [self.shapes.input, self.shapes.output].map(|[_, c, h, w]| c * h * w);
        let images = images.as_slice()?.chunks_exact(of_input);
        for (image, output) in images.zip(values.as_slice_mut()?.chunks_exact_mut(of_output)) {
            self.image(image, output)?;
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for WinogradConv {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec![f32::fact(self.shapes.output())])
    }

    as_op!();
}
