//! The matrices of all points of a block of tiles, packed for tract's products, in one buffer.

use std::fmt;

use tract_onnx::tract_core::{
    internal::*,
    tract_data::prelude::f16,
    tract_linalg::{
        mmm::{MMMInputFormat, MMMInputValue, PackedExoticFact},
        pack::PackedFormat,
    },
};

use super::{tiles::Layout, transform::POINTS};

/// Values between two matrices, at least: without them all would begin in the same set of the cache.
pub(super) const GAP: usize = 16;

/// Where tiles are written, and what the products read.
pub(super) struct Packed {
    layout: Layout,
    fact: PackedExoticFact,
    rows: usize,
    values: Arc<Blob>,
}

impl Packed {
    /// Room for `rows` tiles of `channels` channels.
    pub(super) fn new(format: &PackedFormat, channels: usize, rows: usize) -> Self {
        let alignment = format.alignment().max(align_of::<f32>());
        let stride =
            (format.len(channels, rows) + GAP).next_multiple_of(alignment / size_of::<f32>());
        let layout =
            Layout { stride, length: format.single_panel_len(channels), width: format.r() };
        let bytes = POINTS * stride * size_of::<f32>();
        // SAFETY: the alignment is a power of two, and all bytes are written before they are read.
        let values = unsafe {
            let mut values = Blob::new_for_size_and_align(bytes, alignment);
            values.as_bytes_mut().fill(0);
            values.into()
        };
        let format = Box::new(format.clone());
        let fact = PackedExoticFact { format, mn: rows.to_dim(), k: channels };
        Self { layout, fact, rows, values }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// All values, to be written.
    ///
    /// # Errors
    /// While there are matrices of them.
    pub(super) fn values_mut(&mut self) -> TractResult<&mut [f32]> {
        let bytes = Arc::get_mut(&mut self.values).context("tiles in use")?.as_bytes_mut();
        // SAFETY: every pattern of bits is a float.
        Ok(unsafe { bytes.align_to_mut() }.1)
    }

    /// One matrix for each point.
    pub(super) fn matrices(&self) -> impl Iterator<Item = Matrix> {
        (0..POINTS).map(|point| Matrix {
            fact: self.fact.clone(),
            rows: self.rows,
            values: Arc::clone(&self.values),
            start: point * self.layout.stride * size_of::<f32>(),
            panel: self.layout.length * size_of::<f32>(),
        })
    }
}

/// The matrix of one point: a row for each tile, a column for each channel. tract's own packed input
/// is alone in its buffer; written to 36 of them, the points of a tile took twice as long.
#[derive(Clone, Hash, PartialEq, Eq)]
pub(super) struct Matrix {
    fact: PackedExoticFact,
    rows: usize,
    values: Arc<Blob>,
    /// Bytes before it.
    start: usize,
    /// Bytes of a panel.
    panel: usize,
}

impl MMMInputValue for Matrix {
    fn format(&self) -> &dyn MMMInputFormat {
        &*self.fact.format
    }

    fn scratch_panel_buffer_layout(&self) -> Option<std::alloc::Layout> {
        None
    }

    fn panel_bytes(&self, panel: usize, _buffer: Option<*mut u8>) -> TractResult<*const u8> {
        Ok(self.values.as_bytes()[self.start + panel * self.panel..].as_ptr())
    }

    fn mn(&self) -> usize {
        self.rows
    }

    fn k(&self) -> usize {
        self.fact.k
    }

    fn exotic_fact(&self) -> &dyn ExoticFact {
        &self.fact
    }

    // Only for inputs that a kernel wants in another format, which these never are.
    fn extract_at_mn_f16(&self, _row: usize, _to: &mut [f16]) -> TractResult<()> {
        bail!("tiles are in the kernel's own format")
    }

    fn extract_at_mn_f32(&self, _row: usize, _to: &mut [f32]) -> TractResult<()> {
        bail!("tiles are in the kernel's own format")
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fact.fmt(to)
    }
}

impl fmt::Debug for Matrix {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}
