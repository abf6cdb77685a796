#!/usr/bin/env node
/**
 * A server whose answers come from a local model. While memory is critical it answers 503 with Retry-After, by the health check of
 * `@fastify/under-pressure`, and also while others hold the memory that the model needs. `/ready` is 503 then and once the server is about to
 * end, `/live` is always 200, and `/metrics` tells Prometheus how things stand. A model that is too large for this machine is an error at the start.
 *
 *   npm install fastify @fastify/under-pressure prom-client nexa-memory-guard @fugood/llama.node
 *   node examples/fastify.mjs MODEL [PORT]     # HOST=0.0.0.0 in a container
 *   curl -d '{"prompt":"Who are you?"}' -H 'content-type: application/json' localhost:3000/ask
 */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import underPressure from '@fastify/under-pressure';
import Fastify from 'fastify';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';
import { guardMetrics } from 'nexa-memory-guard/metrics';
import * as prometheus from 'prom-client';

/** Memory is seen to be short within this time. A reading takes 10 µs. */
const HEALTH_CHECK_INTERVAL_MS = 100;
const RETRY_AFTER_SECONDS = 10;
/** How long a server that was told to end still answers, until nobody sends it requests any more. */
const DRAIN_MS = 5000;

/**
 * @param {import('nexa-memory-guard').Guarded<NexaSDK>} nexa
 * @param {string} name of the model, or a path
 * @param {AbortSignal} [leaving] aborted once the server is about to end
 */
export async function makeServer(nexa, name, leaving) {
  const { guard } = nexa;
  const server = Fastify();
  const registry = new prometheus.Registry();
  guardMetrics(guard, prometheus, { registry });

  await server.register(underPressure, {
    // What throws counts as unhealthy: memory that can't be read is not known to be there.
    healthCheck: async () => guard.status().status !== 'critical',
    healthCheckInterval: HEALTH_CHECK_INTERVAL_MS,
    retryAfter: RETRY_AFTER_SECONDS,
    message: 'Memory is short, try again later.',
  });
  /** A route that is never shed: whoever watches must see the most when things are worst. */
  const unshed = { config: { pressureHandler: () => {} } };
  server.get('/ready', unshed, async (_request, reply) => {
    const status = leaving?.aborted ? 'leaving' : readStatus(guard);
    return reply.code(status === 'ok' || status === 'warning' ? 200 : 503).send({ status });
  });
  // Never looks at memory: a restart would lose the model and load it again into the same memory.
  server.get('/live', unshed, async () => ({ status: 'ok' }));

  /** @type {Promise<import('nexa-memory-guard').NexaModel> | undefined} */
  let loading;
  /** One load for all that ask at once; one that failed is tried again. */
  const getModel = () => {
    loading ??= nexa.loadModel(name).catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  await getModel().catch((error) => {
    // Others may give memory back until somebody asks.
    if (error.reason !== 'busy') throw error;
  });

  server.setErrorHandler((error, _request, reply) => {
    const { code, message, reason, shortfallBytes, retryAfterMs, statusCode } = /** @type {any} */ (error);
    if (code !== 'ERR_INSUFFICIENT_MEMORY') return reply.code(statusCode ?? 500).send({ error: message, code });
    const body = { error: message, code, reason, shortfallBytes };
    if (reason === 'too-large') return reply.code(507).send(body);
    const seconds = retryAfterMs === undefined ? RETRY_AFTER_SECONDS : Math.ceil(retryAfterMs / 1000);
    return reply.code(503).header('Retry-After', String(seconds)).send(body);
  });

  server.post('/ask', async (request, reply) => {
    const { prompt } = /** @type {{ prompt: string }} */ (request.body);
    const model = await getModel();
    reply.type('text/plain; charset=utf-8');
    // A client that goes away ends the stream, and that stops the model.
    return reply.send(Readable.from(model.generate({ prompt, maxTokens: 64 })));
  });

  server.get('/metrics', unshed, async (_request, reply) => {
    reply.type(registry.contentType);
    return registry.metrics();
  });

  server.addHook('onClose', async () => {
    await loading?.then((model) => model.dispose());
    guard.close();
  });
  return server;
}

/** `unknown` if memory can't be read. @param {import('nexa-memory-guard').MemoryGuard} guard */
function readStatus(guard) {
  try {
    return guard.status().status;
  } catch {
    return 'unknown';
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [name = 'qwen2audio', port = '3000'] = process.argv.slice(2);
  const nexa = withMemoryGuard(await NexaSDK.initialize(), { logger: console });
  const leaving = new AbortController();
  const server = await makeServer(nexa, name, leaving.signal);
  const host = process.env['HOST'] ?? 'localhost';
  console.log(`Listening on ${await server.listen({ port: Number(port), host })}`);
  /** Not ready, requests to their end, the model, the guard, the SDK. @param {number} drainMs */
  const end = async (drainMs) => {
    leaving.abort();
    await sleep(drainMs);
    await server.close();
    await nexa.dispose();
  };
  process.once('SIGTERM', () => end(DRAIN_MS));
  process.once('SIGINT', () => end(0));
}
