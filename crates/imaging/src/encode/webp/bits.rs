//! Bits and prefix codes as VP8L writes them (RFC 9649, sections 3.7 and 5.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Writes numbers from the lowest bit up.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// Appends the low `count` bits of `value`; at most 32 at a time, the rest must be zero.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.count -= 32;
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let left = self.count.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..left]);
        self.bytes
    }
}

/// A prefix code: for each symbol the bits to write and how many.
pub(super) struct PrefixCode {
    codes: Vec<(u32, u32)>,
}

impl PrefixCode {
    /// The best code for these frequencies with no length above `longest`.
    ///
    /// With fewer than two symbols in use every code is empty.
    pub(super) fn new(frequencies: &[u32], longest: u32) -> Self {
        let mut weights = frequencies.to_vec();
        let mut lengths = code_lengths(&weights);
        while lengths.iter().any(|&length| length > longest) {
            // Flatter frequencies make a flatter tree.
            for weight in weights.iter_mut().filter(|weight| **weight > 0) {
                *weight = weight.div_ceil(2);
            }
            lengths = code_lengths(&weights);
        }
        Self { codes: canonical(&lengths) }
    }

    pub(super) fn write(&self, symbol: usize, bits: &mut BitWriter) {
        let (code, length) = self.codes[symbol];
        bits.put(code, length);
    }

    /// Writes the code's own description for a decoder.
    pub(super) fn describe(&self, frequencies: &[u32], bits: &mut BitWriter) {
        /// The order in which a decoder reads the lengths of the code for lengths.
        const ORDER: [usize; 19] =
            [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        if frequencies.iter().filter(|&&f| f > 0).count() < 2 {
            let only = frequencies.iter().position(|&f| f > 0).unwrap_or(0);
            return describe_single(only as u32, bits);
        }
        let mut counts = [0; 19];
        for &(_, length) in &self.codes {
            counts[length as usize] += 1;
        }
        let lengths = Self::new(&counts, 7);
        bits.put(0, 1);
        bits.put(ORDER.len() as u32 - 4, 4);
        for symbol in ORDER {
            bits.put(lengths.codes[symbol].1, 3);
        }
        bits.put(0, 1);
        for &(_, length) in &self.codes {
            lengths.write(length as usize, bits);
        }
    }
}

/// Describes a code of one symbol below 256, which then takes no bits.
pub(super) fn describe_single(symbol: u32, bits: &mut BitWriter) {
    bits.put(0b101, 3);
    bits.put(symbol, 8);
}

/// Lengths of a Huffman code; ties are broken by symbol, so that the result is always the same.
fn code_lengths(weights: &[u32]) -> Vec<u32> {
    let mut lengths = vec![0; weights.len()];
    let used = weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
    let mut heap: BinaryHeap<_> =
        used.map(|(symbol, &weight)| Reverse((u64::from(weight), symbol))).collect();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    while heap.len() > 1 {
        if let (Some(Reverse((a, left))), Some(Reverse((b, right)))) = (heap.pop(), heap.pop()) {
            heap.push(Reverse((a + b, weights.len() + joined.len())));
            joined.push((left, right));
        }
    }
    let mut open: Vec<(usize, u32)> =
        heap.pop().map(|Reverse((_, node))| (node, 0)).into_iter().collect();
    while let Some((node, depth)) = open.pop() {
        match node.checked_sub(weights.len()) {
            None => lengths[node] = depth,
            Some(inner) => {
                let (left, right) = joined[inner];
                open.extend([(left, depth + 1), (right, depth + 1)]);
            }
        }
    }
    lengths
}

/// Canonical codes for the lengths, their bits reversed for a writer that starts at the lowest.
fn canonical(lengths: &[u32]) -> Vec<(u32, u32)> {
    let mut codes = vec![(0, 0); lengths.len()];
    let mut next = 0_u32;
    for length in 1..=lengths.iter().copied().max().unwrap_or(0) {
        next <<= 1;
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| **l == length) {
            *code = (next.reverse_bits() >> (32 - length), length);
            next += 1;
        }
    }
    codes
}
