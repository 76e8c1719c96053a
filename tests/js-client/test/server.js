'use strict';

// Starts `rembg serve` on a free port with a fresh data directory and sends the
// published client there. The client has its host built in, so an axios
// interceptor rewrites the host and nothing else.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const axios = require('axios');

const PUBLISHED_HOST = 'https://api.rembg.com';
const ROOT = path.resolve(__dirname, '../../..');
const START_LIMIT_MS = 60_000;

function binary() {
  const directory = process.env.REMBG_BIN_DIR || path.join(ROOT, 'target', 'debug');
  const file = path.join(directory, 'rembg');
  if (!fs.existsSync(file)) {
    throw new Error(`${file} is missing: build it with cargo build --workspace`);
  }
  return file;
}

/** Resolves with the address that the server prints once it listens. */
function listening(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`no address within the limit:\n${output}`)), START_LIMIT_MS);
    const read = (chunk) => {
      output += chunk;
      const found = output.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) {
        clearTimeout(timer);
        resolve(found[0]);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', (chunk) => { output += chunk; });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`rembg serve left with ${code}:\n${output}`));
    });
  });
}

async function ready(url) {
  const until = Date.now() + START_LIMIT_MS;
  while (Date.now() < until) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the server never became ready');
}

async function start() {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'rembg-js-'));
  const child = spawn(binary(), ['serve', '--listen', '127.0.0.1:0', '--data-dir', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await listening(child);
  await ready(url);
  const apiKey = fs.readFileSync(path.join(data, 'dev-api-key'), 'utf8').trim();
  const interceptor = axios.interceptors.request.use((config) => {
    config.url = config.url.replace(PUBLISHED_HOST, url);
    return config;
  });
  const stop = async () => {
    axios.interceptors.request.eject(interceptor);
    const left = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await left;
    fs.rmSync(data, { recursive: true, force: true });
  };
  return { url, apiKey, stop };
}

module.exports = { start };
