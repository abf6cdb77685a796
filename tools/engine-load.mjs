/**
 * One load in a process of its own: what the engine says it allocated, and what the process really took. It knows nothing of this package.
 *   node tools/engine-load.mjs '{"model":"x.gguf","n_ctx":2048}' [PROJECTOR] [TOKENS to decode, or to embed] [AUDIO to hear]
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readProcessMemory } from './process-memory.mjs';

const MARK = 'MEASURED ';

/** @typedef {import('./process-memory.mjs').ProcessMemory} Memory */
/** @typedef {{ before: Memory, loaded: Memory, decoded?: Memory, mappedBytes: number, tokens: number, loadMs: number, decodeMs: number }} Measured */
/** @typedef {{ lines: string[], text: string, measured: Measured | undefined, peakAnonymousBytes: number }} Load */
/** @typedef {{ model: number, kvCache: number, state: number, compute: number, output: number, projector: number, projectorCompute: number }} Said */

/**
 * @param {object} options of the engine
 * @param {string} [projector]
 * @param {number} [tokens]
 * @param {string} [audio]
 * @param {(anonymousBytes: number) => void} [seen] told of every reading
 * @returns {Promise<Load>}
 */
export function measureEngineLoad(options, projector = '', tokens = 0, audio = '', seen = () => {}) {
  const script = fileURLToPath(import.meta.url);
  // Files, since Node makes pipes non-blocking: what the engine prints into a full one is lost. Apart, since one may come in the
  // middle of the other's line.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-engineload-'));
  const files = ['said.txt', 'printed.txt'].map((name) => path.join(folder, name));
  const [said, printed] = /** @type {[number, number]} */ (files.map((file) => fs.openSync(file, 'w')));
  const args = [script, JSON.stringify(options), projector, String(tokens), audio];
  const child = spawn(process.execPath, args, { stdio: ['ignore', said, printed] });
  for (const descriptor of [said, printed]) fs.closeSync(descriptor);
  let peakAnonymousBytes = 0;
  const timer = setInterval(() => {
    try {
      const { anonymousBytes } = readProcessMemory(child.pid ?? 0);
      // A process that has just ended names none.
      if (anonymousBytes > peakAnonymousBytes) peakAnonymousBytes = anonymousBytes;
      seen(peakAnonymousBytes);
    } catch {
      // Nor one that is gone.
    }
  }, 5);
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      clearInterval(timer);
      fs.rmSync(folder, { recursive: true });
      reject(error);
    });
    child.on('close', () => {
      clearInterval(timer);
      const text = files.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
      fs.rmSync(folder, { recursive: true });
      const lines = text.split('\n').filter((line) => / buffer size = | model size: /.test(line));
      const found = text.split('\n').find((line) => line.startsWith(MARK));
      const measured = found === undefined ? undefined : JSON.parse(found.slice(MARK.length));
      resolve({ lines: lines.map((line) => line.trim().replaceAll(/ +/g, ' ')), text, measured, peakAnonymousBytes });
    });
  });
}

/** The engine's own sums in MiB, by kind. @param {readonly string[]} lines @returns {Said} */
export function sumBuffersMiB(lines) {
  const said = { model: 0, kvCache: 0, state: 0, compute: 0, output: 0, projector: 0, projectorCompute: 0 };
  for (const line of lines) {
    const mib = Number(/([\d.]+) MiB/.exec(line)?.[1]);
    if (line.includes('model buffer size')) said.model += mib;
    else if (line.includes('KV buffer size')) said.kvCache += mib;
    else if (line.includes('RS buffer size')) said.state += mib;
    else if (line.includes('output buffer size')) said.output += mib;
    else if (line.startsWith('sched_reserve')) said.compute = mib;
    else if (line.startsWith('reserve_compute_meta')) said.projectorCompute = mib;
    else if (line.startsWith('load_hparams')) said.projector += mib;
  }
  return said;
}

/** Resident bytes of the mapped files with this ending. @param {string} ending */
function readMappedBytes(ending) {
  let bytes = 0;
  let counts = false;
  for (const line of fs.readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = line.endsWith(ending);
    else if (counts && line.startsWith('Rss:')) bytes += Number(/\d+/.exec(line)?.[0]) * 1024;
  }
  return bytes;
}

/** @param {any} options @param {string} projector @param {number} tokens @param {string} audio */
async function loadEngine(options, projector, tokens, audio) {
  const llama = createRequire(import.meta.url)('@fugood/llama.node');
  await llama.initLlama();
  const before = readProcessMemory();
  const startMs = performance.now();
  const context = await llama.loadModel({ n_gpu_layers: 0, ctx_shift: false, n_parallel: 1, ...options });
  if (projector !== '') context.initMultimodal({ path: projector, use_gpu: false });
  const loadMs = performance.now() - startMs;
  const loaded = readProcessMemory();
  const mappedAtLoad = readMappedBytes('.gguf');
  let decoded;
  let evaluated = 0;
  const decodeStartMs = performance.now();
  if (tokens > 0) {
    const prompt = `${audio === '' ? '' : '<__media__>'}${'a'.repeat(tokens)}`;
    const media = audio === '' ? {} : { media_paths: [audio] };
    if (options.embedding) {
      await context.embedding(prompt);
      evaluated = tokens;
    } else {
      const result = await context.completion({ prompt, ...media, n_predict: 1, temperature: 0, top_k: 1 }, () => {});
      evaluated = result.tokens_evaluated;
    }
    decoded = readProcessMemory();
  }
  const decodeMs = performance.now() - decodeStartMs;
  // While it computes, the kernel may take pages back for others.
  const mapped = Math.max(mappedAtLoad, readMappedBytes('.gguf'));
  const measured = { before, loaded, decoded, mappedBytes: mapped, tokens: evaluated, loadMs, decodeMs };
  process.stdout.write(`\n${MARK}${JSON.stringify(measured)}\n`, () => process.exit(0));
}

const [, script, options, projector = '', tokens = '0', audio = ''] = process.argv;
if (options && script && import.meta.url === pathToFileURL(script).href) {
  await loadEngine(JSON.parse(options), projector, Number(tokens), audio);
}
