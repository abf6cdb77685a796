/** The example servers as programs that are told to end, on loopback and with the real engine. Needs `npm run build:js`. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let files: TinyModels;
/** Where the NestJS example is compiled to, by its own settings. */
const compiled = join(ROOT, 'examples/nestjs/build');
beforeAll(() => {
  files = makeTinyModels();
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', join(ROOT, 'examples/nestjs')]);
});
afterAll(() => {
  files.remove();
  rmSync(compiled, { recursive: true });
});

/** Resolves with the address that the program prints. */
function findUrl(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    server.stdout!.on('data', (chunk) => {
      text += chunk;
      const url = /Listening on (http:\S+)\n/.exec(text)?.[1];
      if (url) resolve(url);
    });
    server.once('exit', () => reject(new Error(`The server ended: ${text}`)));
  });
}

const getStatus = async (url: string) => (await fetch(url)).status;

async function ask(url: string) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: '{"prompt":"Hi"}' });
  return { status: response.status, text: await response.text() };
}

describe.concurrent('a server that gets SIGTERM', { timeout: 90_000 }, () => {
  it.for([
    ['express', () => join(ROOT, 'examples/express.mjs'), () => files.folder, '/ask/qwen2audio-Q4_0.gguf'],
    ['fastify', () => join(ROOT, 'examples/fastify.mjs'), () => files.model('Q4_0'), '/ask'],
    ['nestjs', () => join(compiled, 'main.js'), () => files.folder, '/ask/qwen2audio-Q4_0.gguf'],
  ] as const)(
    'as %s is not ready, answers what still comes, and ends',
    async ([, program, models, path], { onTestFinished }) => {
      const env = { ...process.env, NODE_OPTIONS: '', HOST: '127.0.0.1' };
      const stdio = ['ignore', 'pipe', 'inherit'] as const;
      const server = spawn(process.execPath, [program(), models(), '0'], { env, stdio: [...stdio] });
      onTestFinished(() => void server.kill('SIGKILL'));
      const ended = once(server, 'exit');
      const url = await findUrl(server);
      expect((await ask(url + path)).status).toBe(200);
      expect(await getStatus(`${url}/ready`)).toBe(200);
      server.kill('SIGTERM');
      await vi.waitFor(async () => expect(await getStatus(`${url}/ready`)).toBe(503), { timeout: 4000 });
      expect(await getStatus(`${url}/live`)).toBe(200);
      expect((await ask(url + path)).status).toBe(200);
      const [code, signal] = await ended;
      // Nest sends itself the signal again when it is done.
      expect(code === 0 || signal === 'SIGTERM').toBe(true);
    },
  );
});
