/** Processes of models where a program is no plain one: in a cluster, in threads, under a manager, with less rights, on systems that can't be written to. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GroupProgram, hasEnded, waitUntil } from '../support/group-program.ts';
import { runNode } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const ROOT = join(import.meta.dirname, '../..');
const linux = process.platform === 'linux';
/** Long enough on a busy machine, and not waited for where all is well. */
const MOST_MS = 20_000;

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

let count = 0;

/** A module with `load`, which gives a guarded model and its process, and `talk`, which gives what that says. */
function writeProgram(body: string): string {
  const file = join(files.folder, `program-${count++}.mjs`);
  writeFileSync(
    file,
    `import { NexaSDK, withMemoryGuard } from ${JSON.stringify(join(ROOT, 'dist/index.js'))};
    async function load(options) {
      const sdk = await NexaSDK.initialize(options);
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process' });
      const model = await nexa.loadModel(${JSON.stringify(files.model())}, { contextSize: 1024 });
      return { nexa, model, pid: nexa.guard.models()[0].pid };
    }
    async function talk(model) {
      let text = '';
      for await (const part of model.generate({ prompt: 'Hello', maxTokens: 8, seed: 1 })) text += part;
      return text;
    }
    const say = (value) => console.log(JSON.stringify(value));
    ${body}`,
  );
  return file;
}

const ONCE = `
  const { nexa, model, pid } = await load();
  say({ pid, text: await talk(model) });
  await nexa.dispose();`;

/** What such a program says: a process that is another one, and a text. */
function expectTalk(stdout: string): void {
  const { pid, text } = JSON.parse(stdout);
  expect(pid).toBeGreaterThan(1);
  expect(text).toMatch(/^[\x20-\x7e]+$/);
}

describe.runIf(linux)('a cluster', () => {
  it('has models of its own in each worker, and one that is killed takes its own along', async () => {
    const program = new GroupProgram([
      writeProgram(`
      const { default: cluster } = await import('node:cluster');
      if (cluster.isPrimary) {
        const hear = (worker) => new Promise((resolve) => worker.once('message', resolve));
        const workers = [cluster.fork(), cluster.fork()];
        say(await Promise.all(workers.map(async (worker) => ({ worker: worker.process.pid, model: await hear(worker) }))));
        process.stdin.once('data', async () => {
          workers[1].send('talk');
          say(await hear(workers[1]));
        });
      } else {
        const { model, pid } = await load();
        process.send(pid);
        process.on('message', async () => process.send(await talk(model)));
      }`),
    ]);
    const [first, second] = (await program.next()) as { readonly worker: number; readonly model: number }[];
    expect(first?.model).not.toBe(second?.model);
    process.kill(first!.worker, 'SIGKILL');
    await waitUntil(() => hasEnded(first!.model), MOST_MS);
    program.tell('go on');
    expect(await program.next()).toMatch(/^[\x20-\x7e]+$/);
    expect(hasEnded(second!.model)).toBe(false);
    program.process.kill('SIGKILL');
    await waitUntil(() => hasEnded(second!.model), MOST_MS);
  });
});

describe.runIf(linux)('threads', () => {
  it('have models of their own, and one that is terminated takes its own along', async () => {
    const program = new GroupProgram([
      writeProgram(`
      const { Worker, isMainThread, parentPort } = await import('node:worker_threads');
      if (isMainThread) {
        const hear = (worker) => new Promise((resolve) => worker.once('message', resolve));
        const workers = [0, 1].map(() => new Worker(new URL(import.meta.url)));
        say(await Promise.all(workers.map(hear)));
        await workers[0].terminate();
        process.stdin.once('data', async () => {
          workers[1].postMessage('talk');
          say(await hear(workers[1]));
        });
      } else {
        const { model, pid } = await load();
        parentPort.postMessage(pid);
        parentPort.on('message', async () => parentPort.postMessage(await talk(model)));
      }`),
    ]);
    const [first, second] = (await program.next()) as number[];
    await waitUntil(() => hasEnded(first!), MOST_MS);
    program.tell('go on');
    expect(await program.next()).toMatch(/^[\x20-\x7e]+$/);
    expect(hasEnded(second!)).toBe(false);
    program.process.kill('SIGKILL');
    await waitUntil(() => hasEnded(second!), MOST_MS);
  });
});

describe.runIf(linux)('a manager of programs', () => {
  const STAYS = 'say((await load()).pid); setInterval(() => {}, 1000);';

  it.each([
    ['by SIGINT', STAYS],
    ['by SIGINT, and by SIGKILL if that was not heard', `process.on('SIGINT', () => {}); ${STAYS}`],
    ['by SIGKILL in the middle of its work', `${STAYS.replace('setInterval', 'for (;;);')}`],
  ])('ends one %s, and no process of a model is left', async (_how, body) => {
    const program = new GroupProgram([writeProgram(body)]);
    const pid = (await program.next()) as number;
    expect(hasEnded(pid)).toBe(false);
    const ended = once(program.process, 'exit');
    program.process.kill('SIGINT');
    const timer = setTimeout(() => program.process.kill('SIGKILL'), 300);
    await ended;
    clearTimeout(timer);
    await waitUntil(() => hasEnded(pid), MOST_MS);
  });
});

describe('the permission model of Node', () => {
  const [major = 0] = process.versions.node.split('.').map(Number);
  const allow = (...what: readonly string[]) => [
    '--no-warnings',
    major < 22 ? '--experimental-permission' : '--permission',
    '--allow-fs-read=*',
    ...what,
  ];
  const told = async (body: string, ...what: readonly string[]) => {
    const program = writeProgram(
      `${body.trim()}.then(() => say('done'), ({ code, message }) => say({ code, message }));`,
    );
    const { stdout, stderr, code } = await runNode([program], { flags: allow(...what) });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };

  it('that allows no processes is told, with what to choose', async () => {
    expect(await told('load()', '--allow-addons')).toEqual({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(
        /^The process of the model could not be started from .*child\.js: Access to this API has been restricted.*; let this program start processes, or choose `isolation: 'none'`\.$/,
      ),
    });
  });

  it('lets models live in the program itself', async () => {
    expect(await told("load({ isolation: 'none' })", '--allow-addons')).toBe('done');
  });

  it('that allows no addons is told too', async () => {
    expect(await told("load({ isolation: 'none' })")).toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: expect.stringContaining('allow it with `--allow-addons`, or install it with'),
    });
  });

  it('that allows no processes is told of a program that is spawned', async () => {
    const spawn = "withMemoryGuard({ loadModel() {} }).guard.spawn('a', [], { footprint: 1, force: true })";
    expect(await told(spawn)).toEqual({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(
        /^The program "a" could not be started: Access to this API has been restricted(\. .*[^.])?\.$/,
      ),
    });
  });
});

/** Why no mount can be made for one program alone. `undefined`: it can. */
function whyNoMounts(): string | undefined {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `unshare -m fails: ${String((error as Error).message).split('\n', 1)[0]}`;
  }
}

const noMounts = whyNoMounts();
if (noMounts) console.log(`skipped: models on a system that can't be written to, since ${noMounts}`);

describe.skipIf(noMounts)("a system that can't be written to", () => {
  it.each([
    ['the package', `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/dist/x" 2>/dev/null`],
    ['/proc', 'mount -o remount,ro,bind /proc && ! echo 0 2>/dev/null >/proc/self/oom_score_adj'],
    [
      'control groups',
      'for each in $(ls -d /sys/fs/cgroup /sys/fs/cgroup/*); do mount -o remount,ro,bind $each 2>/dev/null; done; ! mkdir "$(ls -d /sys/fs/cgroup/memory || echo /sys/fs/cgroup)/nexa-none" 2>/dev/null',
    ],
  ])('at %s runs models in their processes all the same', (_where, mount) => {
    const script = `mount --make-rprivate / && { ${mount}; } && exec "$2" "$3"`;
    const args = ['-m', 'sh', '-c', script, 'sh', ROOT, process.execPath, writeProgram(ONCE)];
    expectTalk(execFileSync('unshare', args, { encoding: 'utf8', timeout: MOST_MS }));
  });
});
