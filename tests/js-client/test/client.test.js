'use strict';

const { test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { rembg } = require('@remove-background-ai/rembg.js');
const { start } = require('./server');
const { describe } = require('./picture');

// The client's own samples: a progressive JPEG, and one with an ICC profile
// that the client sends as `image.png` with the type `image/png`.
const SAMPLES = path.join(path.dirname(require.resolve('@remove-background-ai/rembg.js/package.json')), 'example');
const PHOTO = path.join(SAMPLES, 'input.jpg');
const DATA_URL = fs.readFileSync(path.join(SAMPLES, 'inputBase64.txt'), 'utf8').trim();
const RAW_BASE64 = fs.readFileSync(path.join(SAMPLES, 'inputRawBase64.txt'), 'utf8').trim();
const WIDTH = 405;
const HEIGHT = 608;

const quiet = { onUploadProgress: () => {}, onDownloadProgress: () => {} };
let server;

before(async () => { server = await start(); });
after(async () => { await server?.stop(); });

/** Calls the client and returns the bytes of the picture. */
async function cut(inputImage, options = {}) {
  const answer = await rembg({ apiKey: server.apiKey, inputImage, options, ...quiet });
  if (options.returnBase64) {
    return Buffer.from(answer.base64Image.replace('data:image/png;base64,', ''), 'base64');
  }
  const bytes = fs.readFileSync(answer.outputImagePath);
  await answer.cleanup();
  assert.equal(fs.existsSync(answer.outputImagePath), false);
  return bytes;
}

/** Calls the client, expects it to fail, and returns the status and the JSON of the error. */
async function refusal(call) {
  const error = await rembg({ apiKey: server.apiKey, ...quiet, ...call }).then(
    () => assert.fail('the call succeeded'),
    (failure) => failure,
  );
  const found = error.message.match(/^❌ (\d+) (.*)$/s);
  assert.ok(found, error.message);
  return { status: Number(found[1]), body: JSON.parse(found[2]) };
}

test('a file path with no options gives a WebP with alpha of the same size', async () => {
  const picture = describe(await cut(PHOTO));
  assert.deepEqual([picture.format, picture.width, picture.height, picture.alpha], ['webp', WIDTH, HEIGHT, true]);
});

test('a path, a buffer and both kinds of base64 give the same bytes', async () => {
  const png = { format: 'PNG' };
  const fromPath = await cut(PHOTO, png);
  assert.ok(fromPath.equals(await cut(fs.readFileSync(PHOTO), png)));
  const fromDataUrl = await cut({ base64: DATA_URL }, png);
  assert.ok(fromDataUrl.equals(await cut({ base64: RAW_BASE64 }, png)));
});

test('a JPEG with an ICC profile named image.png is a picture', async () => {
  const bytes = Buffer.from(RAW_BASE64, 'base64');
  assert.equal(bytes.includes('ICC_PROFILE'), true);
  const picture = describe(await cut({ base64: DATA_URL }, { format: 'PNG' }));
  assert.equal(picture.format, 'png');
  assert.equal(picture.opaque, false);
});

test('returnBase64 gives the same picture as the file', async () => {
  const file = await cut(PHOTO, { format: 'PNG' });
  assert.ok(file.equals(await cut(PHOTO, { format: 'PNG', returnBase64: true })));
});

for (const [format, expected] of [['png', 'png'], ['PNG', 'png'], ['webp', 'webp'], ['WEBP', 'webp']]) {
  test(`format ${format}`, async () => {
    assert.equal(describe(await cut(PHOTO, { format })).format, expected);
  });
}

test('returnMask gives one grey channel', async () => {
  const mask = describe(await cut(PHOTO, { format: 'PNG', returnMask: true }));
  assert.deepEqual([mask.grey, mask.opaque, mask.width, mask.height], [true, true, WIDTH, HEIGHT]);
});

for (const [options, expected] of [
  [{ w: 0, h: 0 }, [WIDTH, HEIGHT]],
  [{ w: 81 }, [81, 122]],
  [{ h: 304 }, [203, 304]],
  [{ w: 300, h: 304 }, [203, 304]],
  [{ w: 810, h: 5000 }, [810, 1216]],
  [{ w: 120, h: 120, exact_resize: true }, [120, 120]],
  [{ w: 81, exact_resize: true }, [81, 122]],
  [{ angle: 90 }, [HEIGHT, WIDTH]],
  [{ angle: 90, expand: false }, [WIDTH, HEIGHT]],
  [{ angle: 180, expand: true }, [WIDTH, HEIGHT]],
  [{ w: 100, h: 100, exact_resize: true, angle: 45, expand: true }, [100, 100]],
]) {
  test(`size with ${JSON.stringify(options)}`, async () => {
    const picture = describe(await cut(PHOTO, { format: 'PNG', ...options }));
    assert.deepEqual([picture.width, picture.height], expected);
  });
}

test('expand grows the canvas of a slanted picture', async () => {
  const picture = describe(await cut(PHOTO, { format: 'PNG', angle: 45, expand: true }));
  const side = (WIDTH + HEIGHT) * Math.SQRT1_2;
  assert.ok(Math.abs(picture.width - side) <= 2 && Math.abs(picture.height - side) <= 2, `${picture.width}x${picture.height}`);
  assert.equal(picture.pixel(0, 0)[3], 0);
});

for (const [bg_color, corner] of [
  ['blue', [0, 0, 255, 255]],
  ['#FF5733', [255, 87, 51, 255]],
  ['#0f08', [0, 255, 0, 136]],
]) {
  test(`bg_color ${bg_color} fills the corners that a rotation opens`, async () => {
    const picture = describe(await cut(PHOTO, { format: 'PNG', angle: 30, bg_color }));
    assert.deepEqual(picture.pixel(0, 0), corner);
    assert.equal(picture.opaque, corner[3] === 255);
  });
}

test('every parameter of the published example at once', async () => {
  const options = { w: 800, h: 600, exact_resize: false, format: 'PNG', angle: 90, expand: true, bg_color: 'blue' };
  const picture = describe(await cut(PHOTO, options));
  assert.deepEqual([picture.width, picture.height, picture.opaque], [800, 533, true]);
});

test('progress is told for the upload and, with a total, for the download', async () => {
  const uploads = [];
  const downloads = [];
  const answer = await rembg({
    apiKey: server.apiKey,
    inputImage: fs.readFileSync(PHOTO),
    options: { format: 'PNG' },
    onUploadProgress: (event) => uploads.push(event),
    onDownloadProgress: (event) => downloads.push(event),
  });
  const { size } = fs.statSync(answer.outputImagePath);
  await answer.cleanup();
  assert.ok(uploads.at(-1).loaded >= fs.statSync(PHOTO).size);
  assert.deepEqual([downloads.at(-1).loaded, downloads.at(-1).total], [size, size]);
});

test('a wrong key is refused', async () => {
  const { status, body } = await refusal({ apiKey: 'no-such-key', inputImage: PHOTO });
  assert.deepEqual([status, body], [401, { error: 'invalid api key', status: 401 }]);
});

test('no key at all never reaches the server', async () => {
  await assert.rejects(rembg({ apiKey: '', inputImage: PHOTO, ...quiet }), /API key not provided/);
});

const INVALID = 'File does not appear to be a valid image (invalid file signature)';
for (const [name, inputImage, message] of [
  ['bytes that are no picture', Buffer.from('hello, this is text'), INVALID],
  ['a cut JPEG', fs.readFileSync(PHOTO).subarray(0, 9000), INVALID],
  ['an empty buffer', Buffer.alloc(0), 'Uploaded file is empty (0 bytes).'],
]) {
  test(`${name} is refused`, async () => {
    assert.deepEqual(await refusal({ inputImage }), { status: 400, body: { error: message, status: 400 } });
  });
}

test('a file with a foreign extension is refused', async () => {
  const file = path.join(os.tmpdir(), `rembg-js-${process.pid}.exe`);
  fs.copyFileSync(PHOTO, file);
  const answer = await refusal({ inputImage: file });
  fs.rmSync(file);
  assert.deepEqual(answer.body, {
    error: "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
    status: 400,
  });
});

for (const [options, message] of [
  [{ w: -5 }, "'w' must be at least 1, got: -5"],
  [{ h: 15000 }, "'h' must be at most 10000, got: 15000"],
  [{ w: 'abc' }, "'w' must be an integer, got: 'abc'"],
  [{ angle: 500 }, "'angle' must be between -360 and 360 degrees, got: 500.0"],
  [{ angle: 'ninety' }, "'angle' must be a number, got: 'ninety'"],
  [{ bg_color: '#12345' }, "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA"],
  [{ returnMask: true, bg_color: 'red' }, "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other."],
]) {
  test(`${JSON.stringify(options)} is refused`, async () => {
    assert.deepEqual(await refusal({ inputImage: PHOTO, options }), { status: 400, body: { error: message, status: 400 } });
  });
}

test('several faults come together, in order', async () => {
  const { status, body } = await refusal({ inputImage: PHOTO, options: { angle: 500, w: 'abc' } });
  assert.equal(status, 400);
  assert.deepEqual(body, {
    error: 'Multiple validation errors',
    details: [
      { field: 'w', message: "'w' must be an integer, got: 'abc'" },
      { field: 'angle', message: "'angle' must be between -360 and 360 degrees, got: 500.0" },
    ],
    status: 400,
  });
});
