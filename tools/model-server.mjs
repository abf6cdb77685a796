/**
 * A server program that loads a model in its own process, as llama-server does, on the embedded engine: `node tools/model-server.mjs MODEL
 * [--context TOKENS] [--port PORT] [--workers N]`. It prints `listening on PORT` when it serves, answers `POST /completion` with text, and
 * `POST /allocate` by taking so many MiB more. With workers the model is loaded by a process that it starts.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { loadModel } from '@fugood/llama.node';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    context: { type: 'string', default: '2048' },
    port: { type: 'string', default: '0' },
    worker: { type: 'boolean', default: false },
  },
});

if (values.worker) {
  // The process that has the model is a child of the one that was started.
  const worker = fork(
    new URL(import.meta.url),
    process.argv.slice(2).filter((each) => each !== '--worker'),
  );
  worker.once('exit', (code) => process.exit(code ?? 1));
  process.on('SIGTERM', () => worker.kill('SIGTERM'));
} else {
  await serve();
}

async function serve() {
  const context = await loadModel({
    model: positionals[0],
    n_ctx: Number(values.context),
    n_gpu_layers: 0,
    chat_template: 'chatml',
  });
  /** @type {Buffer[]} */
  const taken = [];
  const server = createServer(async (request, response) => {
    if (request.url === '/allocate') {
      taken.push(Buffer.alloc(2 ** 20 * Number(await readText(request)), 1));
      response.end('taken');
      return;
    }
    const { text } = await context.completion({ prompt: await readText(request), n_predict: 16, seed: 1 }, () => {});
    response.end(text);
  });
  server.listen(Number(values.port), '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    process.stdout.write(`listening on ${port}\n`);
  });
  process.on('SIGTERM', () => process.exit(0));
}

/** @param {import('node:http').IncomingMessage} request */
async function readText(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
