/** The program of a model's process, as it runs: in what place, how long, and whom it outlives. Needs `npm run compile`. */
import { execFileSync, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { loadAddon } from '../src/addon/load-addon.ts';
import { NexaSDK } from '../src/sdk/nexa-sdk.ts';
import { GroupProgram, hasEnded, waitUntil } from './support/group-program.ts';
import { makeTinyModels, type TinyModels } from './support/tiny-models.ts';

const ROOT = new URL('../', import.meta.url);
const SDK = new URL('lib/sdk/nexa-sdk.js', ROOT).href;
const CHILD = fileURLToPath(new URL('dist/child.js', ROOT));
/** Far more than it takes. */
const SOON_MS = 10_000;

let files: TinyModels;
let folder: string;
beforeAll(() => {
  files = makeTinyModels();
  folder = mkdtempSync(join(tmpdir(), 'nexa-child-programs-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  files.remove();
});

let programs = 0;
/** The file of a program. \`body\` has \`NexaSDK\`, \`load\`, \`read\`, \`say\` and \`options\` in scope. */
function writeProgram(body: string): string {
  const path = join(folder, `${programs++}.mjs`);
  const head = `import { NexaSDK } from ${JSON.stringify(SDK)};
    const options = { runtime: 'llama', modelsDir: ${JSON.stringify(files.folder)} };
    const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    const load = async (more) => (await NexaSDK.initialize({ ...options, ...more })).loadModel(${JSON.stringify(files.model())});
    const read = async (model, maxTokens = 5) => {
      let text = '';
      for await (const piece of model.generate({ prompt: 'Hi', maxTokens, seed: 1 })) text += piece;
      return text;
    };
    const hears = (what) => new Promise((resolve) => process.stdin.once('data', resolve));
    `;
  writeFileSync(path, `${head}${body}`);
  return path;
}

const start = (body: string) => new GroupProgram([writeProgram(body)]);
const exitOf = (program: GroupProgram) =>
  new Promise<unknown>((resolve) => program.process.once('exit', (code, signal) => resolve(signal ?? code)));

/** A model's process that blocks its event loop for ever once it is asked for the plugins. */
function writeBlockedChild(): string {
  const path = join(folder, 'blocked-child.mjs');
  const child = new URL('lib/child.js', ROOT).href;
  writeFileSync(
    path,
    `import ${JSON.stringify(child)};\nprocess.on('message', ({ type }) => { if (type === 'plugins') { process.stdout.write('blocked\\n'); for (;;); } });`,
  );
  return path;
}

describe('the process of a model', () => {
  test.runIf(process.platform === 'linux')(
    'is the one that the kernel ends first, and its program is not',
    async () => {
      const adjustment = (pid: number | string) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim();
      const own = adjustment('self');
      const sdk = await NexaSDK.initialize({ runtime: 'llama' });
      onTestFinished(() => sdk.dispose());
      const model = await sdk.loadModel(files.model());
      expect(adjustment(model.pid!)).toBe('1000');
      expect(adjustment('self')).toBe(own);
    },
  );

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'lives on if its whole program is sent %s and handles it',
    async (signal) => {
      const program = start(`process.on('${signal}', async () => say([await read(model) !== '', model.pid]));
        const model = await load();
        say(model.pid);
        await hears();`);
      const pid = (await program.next()) as number;
      process.kill(-program.pid, signal);
      expect(await program.next()).toEqual([true, pid]);
      expect(hasEnded(pid)).toBe(false);
    },
  );

  test('ends with a program that does not handle the signal', async () => {
    const program = start('const model = await load(); say(model.pid); await hears();');
    const pid = (await program.next()) as number;
    process.kill(-program.pid, 'SIGTERM');
    expect(await exitOf(program)).toBe('SIGTERM');
    await waitUntil(() => hasEnded(pid), SOON_MS);
  });

  test('ends with a program that is killed, while it does nothing and while it generates', async () => {
    const program = start(`const [idle, busy] = [await load(), await load()];
      await busy.generate({ prompt: 'Go on.', maxTokens: 1500 }).next();
      say([idle.pid, busy.pid]);
      await hears();`);
    const pids = (await program.next()) as number[];
    process.kill(program.pid, 'SIGKILL');
    await waitUntil(() => pids.every(hasEnded), SOON_MS);
  });

  test.skipIf(loadAddon()?.endWith === undefined)(
    'ends with a program that is killed also while its event loop is blocked',
    async () => {
      const program = start(`
        const sdk = await NexaSDK.initialize({ ...options, isolation: 'shared', childPath: ${JSON.stringify(writeBlockedChild())},
          onLog: (_level, text) => text === 'blocked' && say(model.pid) });
        const model = await sdk.loadModel(${JSON.stringify(files.model())});
        sdk.plugins().catch(() => {});
        await hears();`);
      const pid = (await program.next()) as number;
      process.kill(program.pid, 'SIGKILL');
      await waitUntil(() => hasEnded(pid), SOON_MS);
    },
  );

  test('ends with a program that is killed also without the addon', async () => {
    const program = start(`process.env.NEXA_MEMORY_GUARD_ADDON = 'off';
      const model = await load();
      say(model.pid);
      await hears();`);
    const pid = (await program.next()) as number;
    process.kill(program.pid, 'SIGKILL');
    await waitUntil(() => hasEnded(pid), SOON_MS);
  });
});

describe('a program that never disposes', () => {
  test.each([
    ['and has nothing left to do ends by itself', '', 0],
    [
      'and exits in the middle of a text ends',
      "await model.generate({ prompt: 'Go on.', maxTokens: 1500 }).next(); process.exit(3);",
      3,
    ],
    [
      'and throws ends',
      "(await import('node:fs')).closeSync(2); setTimeout(() => { throw new Error('mine'); }, 1);",
      1,
    ],
  ])('%s, and leaves no process', async (_how, body, code) => {
    const program = start(`const model = await load(); say(model.pid); ${body}`);
    const exit = exitOf(program);
    const pid = (await program.next()) as number;
    expect(await exit).toBe(code);
    await waitUntil(() => hasEnded(pid), SOON_MS);
  });

  test('stays while a text is computed and while a model loads, although nothing else keeps it', async () => {
    const program = start('const model = await load(); say(model.pid); say((await read(model, 200)).length > 0);');
    const exit = exitOf(program);
    await program.next();
    expect(await program.next()).toBe(true);
    expect(await exit).toBe(0);
  });
});

test('models of a worker end with it, however it ends, and those of another thread live on', async () => {
  const program = start(`
    import { isMainThread, parentPort, Worker } from 'node:worker_threads';
    if (isMainThread) {
      const model = await load();
      const pids = [];
      for (const how of ['terminate', 'exit']) {
        const worker = new Worker(new URL(import.meta.url), { env: { ...process.env, HOW: how } });
        pids.push(await new Promise((resolve) => worker.once('message', resolve)));
        const exited = new Promise((resolve) => worker.once('exit', resolve));
        if (how === 'terminate') worker.terminate();
        else worker.postMessage('go');
        await exited;
      }
      say([model.pid, pids]);
      await hears();
      say(await read(model) !== '');
      await hears();
    } else {
      const model = await load();
      model.generate({ prompt: 'Go on.', maxTokens: 1500 }).next();
      parentPort.postMessage(model.pid);
      parentPort.once('message', () => process.exit(0));
    }`);
  const [own, ofWorkers] = (await program.next()) as [number, number[]];
  expect(new Set([own, ...ofWorkers]).size).toBe(3);
  await waitUntil(() => ofWorkers.every(hasEnded), SOON_MS);
  expect(hasEnded(own)).toBe(false);
  program.tell('go on');
  expect(await program.next()).toBe(true);
});

test.runIf(process.platform === 'linux')('a program without a folder that it could write to has models', () => {
  const file = writeProgram(`const model = await load(); say(await read(model) !== ''); process.exit(0);`);
  const nowhere = { HOME: '/proc/nowhere', TMPDIR: '/proc/nowhere', XDG_CACHE_HOME: '/proc/nowhere' };
  const printed = execFileSync(process.execPath, [file], {
    cwd: '/proc',
    env: { PATH: process.env['PATH'], ...nowhere },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(printed).toBe('true\n');
});

describe('the program itself', () => {
  /** Forks it with a module that is there before. */
  function forkWith(before: string) {
    const path = join(folder, `before-${programs++}.mjs`);
    writeFileSync(path, before);
    const child = fork(CHILD, [], {
      execArgv: ['--import', pathToFileURL(path).href],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const messages: unknown[] = [];
    child.on('message', (message) => messages.push(message));
    return { child, messages };
  }

  test('tells its program of what Node warns', async () => {
    const { messages } = forkWith("setInterval(() => process.emitWarning('an old library'), 50);");
    await expect.poll(() => messages, { timeout: SOON_MS }).toContainEqual({ type: 'warning', text: 'an old library' });
  });

  test("speaks through Electron's port where there is one, as that is documented", async () => {
    // What Electron documents of `process.parentPort`; behind it is the channel of Node.
    const { child, messages } = forkWith(`
      class FakeParentPort {
        postMessage(message) { process.send({ ported: message }); }
        on(event, listener) { process.on(event, (data) => listener({ data })); }
      }
      process.parentPort = new FakeParentPort();`);
    child.send({ type: 'ping' });
    await expect.poll(() => messages, { timeout: SOON_MS }).toContainEqual({ ported: { type: 'pong' } });
    child.send({ type: 'open', call: 1, args: [{ runtime: 'llama' }] });
    await expect
      .poll(() => messages, { timeout: SOON_MS })
      .toContainEqual({ ported: { type: 'done', call: 1, value: expect.objectContaining({ name: 'llama' }) } });
  });

  test('ends once its program has closed the channel', async () => {
    const { child, messages } = forkWith('');
    child.send({ type: 'ping' });
    await expect.poll(() => messages, { timeout: SOON_MS }).toEqual([{ type: 'pong' }]);
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    child.disconnect();
    expect(await ended).toBe('SIGKILL');
  });
});
