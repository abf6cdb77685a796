#!/usr/bin/env node
/**
 * A server that loads each model when it is first asked for and unloads idle ones for it. If a model doesn't fit now, or memory is
 * critical, it answers 503 with Retry-After; if a model is too large for this machine it answers 507, and trying again won't help.
 * `/ready` is 503 while memory is critical and once the server is about to end, `/live` is always 200.
 *
 *   npm install express nexa-memory-guard @fugood/llama.node
 *   node examples/express.mjs FOLDER [PORT]     # HOST=0.0.0.0 in a container
 *   curl -d '{"prompt":"Who are you?"}' -H 'content-type: application/json' localhost:3000/ask/Qwen2-Audio-7B-Q4_0.gguf
 */
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import express from 'express';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';

/** If the guard can't tell when memory comes back. */
const RETRY_AFTER_MS = 10_000;
/** How long a server that was told to end still answers, until nobody sends it requests any more. */
const DRAIN_MS = 5000;

/**
 * Sent to whoever should come again later.
 *
 * @param {express.Response} response
 * @param {object} body
 * @param {number} [retryAfterMs]
 */
function sendUnavailable(response, body, retryAfterMs = RETRY_AFTER_MS) {
  response
    .status(503)
    .set('Retry-After', String(Math.ceil(retryAfterMs / 1000)))
    .json(body);
}

/** Turns requests away while memory is critical. @param {import('nexa-memory-guard').MemoryGuard} guard @returns {express.RequestHandler} */
function refuseWhenCritical(guard) {
  return (_request, response, next) => {
    const { status, headroomBytes, minFreeBytes } = guard.status();
    if (status === 'critical') sendUnavailable(response, { error: 'Memory is short.', headroomBytes, minFreeBytes });
    else next();
  };
}

/**
 * @param {import('nexa-memory-guard').Guarded<NexaSDK>} nexa
 * @param {string} folder
 * @param {AbortSignal} [leaving] aborted once the server is about to end
 */
export function makeApp(nexa, folder, leaving) {
  /** @type {Map<string, Promise<import('nexa-memory-guard').NexaModel>>} */
  const models = new Map();

  /** One load for all that ask at once; one that failed is tried again. @param {string} file */
  function getModel(file) {
    const known = models.get(file);
    if (known) return known;
    const loading = nexa.loadModel(path.join(folder, path.basename(file)), {
      memoryGuard: { wait: { timeoutMs: 2000 } },
    });
    models.set(file, loading);
    loading.catch(() => models.delete(file));
    return loading;
  }

  const app = express();
  app.get('/ready', (_request, response) => {
    const status = leaving?.aborted ? 'leaving' : readStatus(nexa.guard);
    response.status(status === 'ok' || status === 'warning' ? 200 : 503).json({ status });
  });
  // Never looks at memory: a restart would lose the models and load them again into the same memory.
  app.get('/live', (_request, response) => void response.json({ status: 'ok' }));
  app.post('/ask/:file', refuseWhenCritical(nexa.guard), express.json(), async (request, response) => {
    const model = await getModel(String(request.params['file']));
    const { prompt } = /** @type {{ prompt: string }} */ (request.body);
    response.type('text/plain');
    // A client that goes away ends the pipeline, and that stops the model.
    await pipeline(Readable.from(model.generate({ prompt, maxTokens: 64 })), response);
  });
  app.use(answerErrors);
  return app;
}

/** `unknown` if memory can't be read. @param {import('nexa-memory-guard').MemoryGuard} guard */
function readStatus(guard) {
  try {
    return guard.status().status;
  } catch {
    return 'unknown';
  }
}

/** @type {express.ErrorRequestHandler} */
function answerErrors(error, _request, response, next) {
  if (response.headersSent) return next(error);
  const { code, message, reason, shortfallBytes, retryAfterMs } = error;
  if (code === 'ERR_INSUFFICIENT_MEMORY' || code === 'ERR_ADMISSION_TIMEOUT') {
    const body = { error: message, code, reason, shortfallBytes };
    if (reason === 'too-large') return void response.status(507).json(body);
    return sendUnavailable(response, body, retryAfterMs);
  }
  const unknown = code === 'ERR_MODEL_FILE' || code === 'ERR_UNKNOWN_MODEL';
  response.status(unknown ? 404 : (error.status ?? 500)).json({ error: message, code });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder = 'models', port = '3000'] = process.argv.slice(2);
  const nexa = withMemoryGuard(await NexaSDK.initialize(), { evict: 'idle', reload: true, logger: console });
  const leaving = new AbortController();
  const app = makeApp(nexa, folder, leaving.signal);
  const host = process.env['HOST'] ?? 'localhost';
  const server = app.listen(Number(port), host, () => {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address());
    console.log(`Listening on http://${host}:${address.port}`);
  });
  /** Not ready, requests to their end, the models, the guard. @param {number} drainMs */
  const end = async (drainMs) => {
    leaving.abort();
    await sleep(drainMs);
    await new Promise((resolve) => server.close(resolve));
    await nexa.dispose();
    nexa.guard.close();
  };
  process.once('SIGTERM', () => end(DRAIN_MS));
  process.once('SIGINT', () => end(0));
}
