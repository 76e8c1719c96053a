'use strict';

// Reads what the tests ask of an answer: its format, its size, its pixels.

const { PNG } = require('pngjs');

const GREY = 0;

function webp(bytes) {
  const chunk = bytes.toString('latin1', 12, 16);
  if (chunk === 'VP8X') {
    return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1, alpha: (bytes[20] & 0x10) !== 0 };
  }
  if (chunk === 'VP8 ') {
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff, alpha: false };
  }
  const bits = bytes.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, alpha: (bits & 0x10000000) !== 0 };
}

function png(bytes) {
  const { width, height, data } = PNG.sync.read(bytes);
  const pixel = (x, y) => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)];
  const alphas = data.filter((_, at) => at % 4 === 3);
  return { width, height, pixel, grey: bytes[25] === GREY, opaque: alphas.every((value) => value === 255) };
}

/** Describes a PNG or WebP file; fails on anything else. */
function describe(bytes) {
  if (bytes.toString('latin1', 1, 4) === 'PNG') return { format: 'png', ...png(bytes) };
  if (bytes.toString('latin1', 8, 12) === 'WEBP') return { format: 'webp', ...webp(bytes) };
  throw new Error(`neither PNG nor WebP: ${bytes.subarray(0, 16).toString('hex')}`);
}

module.exports = { describe };
