/**
 * A server program that loads a model in its own process, as llama-server does, on the embedded engine: `node tools/model-server.mjs MODEL
 * [--context TOKENS] [--port PORT] [--worker]`. It prints `listening on PORT` when it serves, answers `GET /health`, `POST /completion` with text,
 * `POST /allocate` by taking so many MiB more, and `POST /exit` by ending with so much for its exit code. With `--worker` the model is loaded by a
 * process that it starts.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

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
  const [model = ''] = positionals;
  // Not imported: a compiler would follow its types into sources that ours refuses.
  const { loadModel } = createRequire(import.meta.url)('@fugood/llama.node');
  const context = await loadModel({
    model,
    n_ctx: Number(values.context),
    n_gpu_layers: 0,
    chat_template: 'chatml',
  });
  /** @type {Buffer[]} */
  const taken = [];
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.end('ok');
      return;
    }
    if (request.url === '/allocate') {
      taken.push(Buffer.alloc(2 ** 20 * Number(await readText(request)), 1));
      response.end('taken');
      return;
    }
    if (request.url === '/exit') process.exit(Number(await readText(request)));
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
