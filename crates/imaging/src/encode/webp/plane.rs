//! One plane of bytes without loss, as WebP's alpha data or as a grey VP8L image (RFC 9649).
//!
//! Each byte is predicted from the one above; what is left is mostly zero and is written as
//! literals and runs under one prefix code. Runs are back references to the pixel before.

use super::bits::{BitWriter, PrefixCode, describe_single};

/// Alpha filter and predictor mode of the same number and meaning: the pixel above; in the first
/// row the one before, and zero for the very first.
pub(super) const PREDICTED_FROM_ABOVE: u8 = 2;

/// The longest run that one reference can state.
const LONGEST_RUN: usize = 4096;

/// A shorter run is cheaper as literals.
const SHORTEST_RUN: usize = 4;

/// 256 literals and 24 classes of run length.
const SYMBOLS: usize = 256 + 24;

/// Longest prefix code of the format.
const LONGEST_CODE: u32 = 15;

/// A plane reduced to literals (below 256) and runs (256 + length − 1).
pub(super) struct Plane {
    tokens: Vec<u16>,
}

impl Plane {
    /// Reads the samples once, row by row.
    pub(super) fn new(samples: impl Iterator<Item = u8>, width: usize) -> Self {
        let mut above = vec![0; width];
        let mut tokens = Tokens::default();
        let (mut before, mut first_row) = (0, true);
        let mut column = 0;
        for sample in samples {
            let predicted = if first_row { before } else { above[column] };
            tokens.push(sample.wrapping_sub(predicted));
            above[column] = sample;
            before = sample;
            column += 1;
            if column == width {
                (column, first_row) = (0, false);
            }
        }
        tokens.flush();
        Self { tokens: tokens.done }
    }

    /// Alpha data without its header byte: an image stream without transforms.
    pub(super) fn stream(&self) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(0, 1);
        self.write_pixels(&mut bits);
        bits.finish()
    }

    /// The body of a `VP8L` chunk that shows the plane as grey.
    pub(super) fn lossless_image(&self, width: u32, height: u32) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(0x2F, 8);
        bits.put(width - 1, 14);
        bits.put(height - 1, 14);
        // No alpha, version 0.
        bits.put(0, 4);
        // Transform 2: red and blue were reduced by green, to zero.
        bits.put(0b101, 3);
        // Transform 0, one predictor for blocks of 512 pixels, written as an image of its own.
        bits.put(0b11_1001, 6);
        bits.put(0, 1);
        describe_single(u32::from(PREDICTED_FROM_ABOVE), &mut bits);
        (0..4).for_each(|_| describe_single(0, &mut bits));
        bits.put(0, 1);
        self.write_pixels(&mut bits);
        bits.finish()
    }

    fn write_pixels(&self, bits: &mut BitWriter) {
        let mut frequencies = [0; SYMBOLS];
        for &token in &self.tokens {
            frequencies[Symbol::of(token).index] += 1;
        }
        let code = PrefixCode::new(&frequencies, LONGEST_CODE);
        // Neither a colour cache nor more than one set of codes.
        bits.put(0, 2);
        code.describe(&frequencies, bits);
        // Red, blue, alpha; then distance, always 2: the pixel before.
        (0..3).for_each(|_| describe_single(0, bits));
        describe_single(1, bits);
        for &token in &self.tokens {
            let symbol = Symbol::of(token);
            code.write(symbol.index, bits);
            bits.put(symbol.extra, symbol.extra_bits);
        }
    }
}

/// Turns residuals into tokens as they come.
#[derive(Default)]
struct Tokens {
    done: Vec<u16>,
    last: u8,
    run: usize,
}

impl Tokens {
    fn push(&mut self, residual: u8) {
        if residual == self.last && !self.done.is_empty() && self.run < LONGEST_RUN {
            self.run += 1;
            return;
        }
        self.flush();
        self.done.push(u16::from(residual));
        self.last = residual;
    }

    /// Ends the run, if there is one.
    fn flush(&mut self) {
        if self.run >= SHORTEST_RUN {
            self.done.push(256 + self.run as u16 - 1);
        } else {
            self.done.extend(std::iter::repeat_n(u16::from(self.last), self.run));
        }
        self.run = 0;
    }
}

/// A token's place in the prefix code and the bits that follow it.
struct Symbol {
    index: usize,
    extra: u32,
    extra_bits: u32,
}

impl Symbol {
    fn of(token: u16) -> Self {
        let Some(length) = token.checked_sub(256).map(u32::from) else {
            return Self { index: usize::from(token), extra: 0, extra_bits: 0 };
        };
        if length < 4 {
            return Self { index: 256 + length as usize, extra: 0, extra_bits: 0 };
        }
        // Above that, classes halve each power of two: the second highest bit picks the half.
        let high = length.ilog2();
        let extra_bits = high - 1;
        let half = length >> extra_bits & 1;
        Self {
            index: 256 + (2 * high + half) as usize,
            extra: length & ((1 << extra_bits) - 1),
            extra_bits,
        }
    }
}
