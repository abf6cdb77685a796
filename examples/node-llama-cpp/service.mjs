#!/usr/bin/env node
/**
 * A service of several models under one limit: a request names its model, which is loaded for it, and idle ones go to make room. What
 * doesn't fit in time is answered 503 with Retry-After.
 *
 *   npm install node-llama-cpp nexa-memory-guard
 *   node examples/node-llama-cpp/service.mjs FOLDER [PORT]
 *   curl -d 'Who are you?' localhost:3000/qwen3-4b-Q4_K_M
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { createMemoryGuard, isMemoryGuardError } from 'nexa-memory-guard';
import { getLlama, LlamaChatSession } from 'node-llama-cpp';
import { LLAMA } from './open-llama.mjs';

const RETRY_AFTER_SECONDS = 10;
/** Such a request is to come again: memory is short now, and may not be then. */
const SHORT = ['ERR_INSUFFICIENT_MEMORY', 'ERR_ADMISSION_TIMEOUT', 'ERR_MODEL_EVICTED', 'ERR_SENSOR'];

const [folder = 'models', port = '3000'] = process.argv.slice(2);
const guard = createMemoryGuard({ evict: 'idle', reload: true, minFreeBytes: '64 MiB', logger: console });
const llama = guard.wrap(await getLlama(LLAMA));
const memoryGuard = { wait: { timeoutMs: 30_000 } };

/** Those that were asked for: the guard unloads idle ones, and their next context loads them again. @type {Map<string, ReturnType<typeof load>>} */
const models = new Map();

/** @param {string} name */
async function load(name) {
  return llama.loadModel({ modelPath: path.join(folder, `${name}.gguf`), memoryGuard });
}

/** One load for all that ask at once; one that failed is tried again. @param {string} name */
function getModel(name) {
  const known = models.get(name);
  if (known) return known;
  const loading = load(name);
  models.set(name, loading);
  loading.catch(() => models.delete(name));
  return loading;
}

/** @param {string} name @param {string} prompt @param {AbortSignal} signal */
async function answer(name, prompt, signal) {
  const model = await getModel(name);
  // Made for this request alone: between two requests nothing keeps the model from making room.
  const context = await model.createContext({ contextSize: 1024, memoryGuard });
  try {
    return await new LlamaChatSession({ contextSequence: context.getSequence() }).prompt(prompt, {
      maxTokens: 32,
      signal,
    });
  } finally {
    await context.dispose();
  }
}

const server = createServer(async (request, response) => {
  const name = decodeURIComponent(request.url ?? '').slice(1);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    if (name === 'health')
      return void response.end(JSON.stringify({ ...guard.status(), loaded: guard.models().length }));
    if (!readdirSync(folder).includes(`${name}.gguf`))
      return void response.writeHead(404).end('There is no such model.\n');
    response.end(`${await answer(name, await text(request), gone.signal)}\n`);
  } catch (error) {
    if (gone.signal.aborted) return;
    const short = isMemoryGuardError(error) && SHORT.includes(error.code);
    if (short) response.setHeader('retry-after', RETRY_AFTER_SECONDS);
    response.writeHead(short ? 503 : 500);
    response.end(`${error instanceof Error ? error.message : error}\n`);
  }
});

server.listen(Number(port), '127.0.0.1');
await once(server, 'listening');
console.log(`Listening on http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`);
process.once('SIGTERM', () => server.close(() => void llama.dispose().then(() => guard.close())));
