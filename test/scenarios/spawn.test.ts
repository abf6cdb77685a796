/** Programs that load models by themselves, as the guard starts, counts and ends them: a real server on the real engine, its tree, and real kills. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { GuardEvent, GuardEventName, GuardEventOf } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { NexaSDK } from '../../src/index.ts';
import type { MemoryGuard } from '../../src/memory-guard.ts';
import { listProcessTree } from '../../src/processes/process-tree.ts';
import type { SpawnChoice, SpawnProgramOptions } from '../../src/spawn/spawn-options.ts';
import type { SpawnedProgram } from '../../src/spawn/spawned-program.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { whyNoControlGroups } from '../support/create-control-group.ts';
import { collectUntil, deferred, FakeMachine, FakeSDK, recordEvents } from '../support/fake-sdk.ts';
import { hasEnded, waitUntil } from '../support/group-program.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const SERVER = join(import.meta.dirname, '../../tools/model-server.mjs');
const linux = process.platform === 'linux';
const WAITS = ['-e', 'setInterval(() => {}, 1000)'];
/** Long enough on a busy machine, and not waited for where all is well. */
const MOST_MS = 20_000;

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** A guard over the real machine. What it started ends with the test. */
function makeGuard(options: GuardOptions = {}, sdk: { loadModel(...args: never[]): unknown } = new FakeSDK()) {
  const nexa = withMemoryGuard(sdk, { minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0, ledger: 'process', ...options });
  const { guard } = nexa;
  const events = recordEvents(guard);
  const programs: SpawnedProgram[] = [];
  onTestFinished(async () => {
    guard.close();
    await Promise.all(programs.map((program) => program.stop()));
  });
  const types = () => events.map(({ type }) => type);
  async function spawn(
    args: readonly string[] | ((chosen: SpawnChoice) => readonly string[]),
    given: SpawnProgramOptions,
  ): Promise<SpawnedProgram> {
    const { ready } = given;
    return guard.spawn(process.execPath, args, {
      stdio: 'ignore',
      ...given,
      ready: (program, signal) => {
        programs.push(program);
        return ready?.(program, signal);
      },
    });
  }
  return { nexa, guard, events, types, spawn };
}

/** Resolves with the next event of this type, or the one that was told already. */
async function told<T extends GuardEventName>(events: readonly GuardEvent[], type: T): Promise<GuardEventOf<T>> {
  await waitUntil(() => events.some((event) => event.type === type), MOST_MS);
  return events.find((event) => event.type === type) as GuardEventOf<T>;
}

/** A server of tools/, which tells its port. */
function serve(...words: string[]) {
  let port = 0;
  const given = {
    name: 'my server',
    modelPath: files.model(),
    contextSize: { min: 1024, max: 4096 },
    stdio: ['ignore', 'pipe', 'ignore'],
    ready: async ({ process: { stdout } }: SpawnedProgram, signal: AbortSignal) => {
      const lines = createInterface({ input: stdout! });
      await new Promise<void>((resolve, reject) => {
        // The engine prints too.
        lines.on('line', (line) => {
          const [, found] = /^listening on (\d+)$/.exec(line) ?? [];
          if (found === undefined) return;
          port = Number(found);
          resolve();
        });
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
  } satisfies SpawnProgramOptions;
  const args = ({ contextSize, modelPath }: SpawnChoice) => [
    SERVER,
    String(modelPath),
    '--context',
    String(contextSize),
    ...words,
  ];
  const ask = async (path: string, body: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body })).text();
  return { args, given, ask };
}

/** `VmRSS` less what is of files: anonymous bytes that a process holds. */
function readHeldBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return read('RssAnon') + read('VmSwap');
}

const end = (guard: MemoryGuard) => waitUntil(() => guard.models().length === 0, MOST_MS);

describe('a server', () => {
  it.runIf(linux)('is admitted by its file, told what was chosen, used, and stopped', async () => {
    const { guard, types, events, spawn } = makeGuard();
    const { args, given, ask } = serve();
    const server = await spawn(args, given);
    const [model] = guard.models();
    expect(model).toMatchObject({ name: 'my server', contextSize: 4096, pid: server.pid, need: { basis: 'gguf' } });
    expect((server as { contextSize?: number }).contextSize).toBe(4096);
    const commandLine = readFileSync(`/proc/${server.pid}/cmdline`, 'latin1').split('\0');
    expect(commandLine).toEqual(expect.arrayContaining([files.model(), '--context', '4096']));
    expect((await server.use(() => ask('/completion', 'Hello'))).length).toBeGreaterThan(0);
    await server.stop();
    expect(guard.models()).toEqual([]);
    await told(events, 'unloaded');
    expect(types()).toEqual(['admitted', 'loaded', 'unloaded']);
    expect(server.end).toMatchObject({ asked: true });
  });

  it.runIf(linux)('is counted with what it starts, which is gone when it was stopped', async () => {
    const { guard, spawn } = makeGuard();
    const { args, given, ask } = serve('--worker');
    const server = await spawn(args, given);
    await server.use(() => ask('/allocate', '50'));
    const tree = listProcessTree(server.pid);
    expect(tree).toHaveLength(2);
    const byKernel = tree.reduce((sum, pid) => sum + readHeldBytes(pid), 0);
    const heldBytes = guard.models()[0]?.heldBytes ?? 0;
    expect(heldBytes).toBeGreaterThan(50 * MiB);
    expect(Math.abs(heldBytes - byKernel) / byKernel).toBeLessThan(0.05);
    await server.stop();
    await waitUntil(() => tree.every(hasEnded), MOST_MS);
  });

  it.runIf(linux)('leaves nothing of its tree behind if its first process is killed', async () => {
    const { guard, events, spawn } = makeGuard();
    const { args, given } = serve('--worker');
    const server = await spawn(args, given);
    const tree = listProcessTree(server.pid);
    process.kill(server.pid, 'SIGKILL');
    expect(await told(events, 'killed')).toMatchObject({ model: 'my server', pid: server.pid, signal: 'SIGKILL' });
    await waitUntil(() => tree.every(hasEnded), MOST_MS);
    expect(guard.models()).toEqual([]);
  });
});

describe('a program that does not fit', () => {
  it('is refused, and nothing is started', async () => {
    const { guard, types, spawn } = makeGuard();
    const asked: SpawnChoice[] = [];
    const starting = spawn(
      (chosen) => {
        asked.push(chosen);
        return WAITS;
      },
      { footprint: 2 ** 50, name: 'too large' },
    );
    await expect(starting).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY', requiredBytes: 2 ** 50 });
    expect([types(), asked, guard.models()]).toEqual([['refused'], [], []]);
  });

  it('gets the largest context of its range that does', async () => {
    const roomy = makeGuard({ sensor: new FakeMachine(8 * GiB).sensor });
    const need = async (contextSize: number) =>
      (await roomy.spawn(() => WAITS, { modelPath: files.model(), contextSize })).end ??
      roomy.guard.models().at(-1)!.need.anonymousBytes;
    const [least, most] = [(await need(1024)) as number, (await need(65_536)) as number];
    const tight = makeGuard({ sensor: new FakeMachine((least + most) / 2).sensor });
    const asked: SpawnChoice[] = [];
    await tight.spawn(
      (chosen) => {
        asked.push(chosen);
        return WAITS;
      },
      { modelPath: files.model(), contextSize: { min: 1024, max: 65_536 } },
    );
    const [{ contextSize = 0 } = {}] = asked;
    expect(contextSize).toBeGreaterThanOrEqual(1024);
    expect(contextSize).toBeLessThan(65_536);
    expect(tight.guard.models()[0]).toMatchObject({ contextSize });
  });

  it('takes the room of one that idles', async () => {
    const { guard, events, spawn } = makeGuard({ evict: 'idle', sensor: new FakeMachine(4 * GiB).sensor });
    const idle = await spawn(WAITS, { footprint: 3 * GiB, name: 'idle' });
    await spawn(WAITS, { footprint: 2 * GiB, name: 'next' });
    expect(guard.models().map(({ name }) => name)).toEqual(['next']);
    expect(idle.end).toMatchObject({ asked: true });
    expect(await told(events, 'evicted')).toMatchObject({ model: 'idle', reason: 'memory' });
    await expect((async () => idle.use(() => 'used'))()).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
  });

  it('takes no room of one that is used', async () => {
    const { guard, spawn } = makeGuard({ evict: 'idle', sensor: new FakeMachine(4 * GiB).sensor });
    const used = await spawn(WAITS, { footprint: 3 * GiB, name: 'used' });
    const { promise, resolve } = deferred();
    const using = used.use(() => promise);
    await expect(spawn(WAITS, { footprint: 2 * GiB })).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
    resolve();
    await using;
    expect(guard.models().map(({ name }) => name)).toEqual(['used']);
  });
});

describe('a program that idles', () => {
  const IDLE = { footprint: 1 * MiB, keepAliveMs: 200, name: 'idler' };

  it('is stopped, and its use says what to do', async () => {
    const { guard, events, spawn } = makeGuard();
    const program = await spawn(WAITS, IDLE);
    expect(await told(events, 'evicted')).toMatchObject({ model: 'idler', reason: 'keep-alive' });
    expect([guard.models(), program.end?.asked]).toEqual([[], true]);
    await expect((async () => program.use(() => 'used'))()).rejects.toMatchObject({ code: 'ERR_MODEL_EVICTED' });
  });

  it('is started again by its next use, with `reload`', async () => {
    const { guard, spawn } = makeGuard({ reload: true });
    const program = await spawn(WAITS, IDLE);
    const first = program.pid;
    await end(guard);
    const pid = await program.use((now) => now.pid);
    expect(pid).not.toBe(first);
    // The handle stands for the program that runs now.
    expect(program.pid).toBe(pid);
    expect(guard.models()).toMatchObject([{ name: 'idler', pid }]);
    await program.stop();
    expect(guard.models()).toEqual([]);
    await waitUntil(() => hasEnded(pid), MOST_MS);
  });

  it('is not stopped while a use runs, and is once that is over', async () => {
    const { guard, spawn } = makeGuard();
    const program = await spawn(WAITS, IDLE);
    await program.use(() => new Promise((resolve) => setTimeout(resolve, 3 * IDLE.keepAliveMs)));
    expect(program.end).toBeUndefined();
    await end(guard);
  });
});

describe('a program that ends by itself', () => {
  const exits = (code: number) => ['-e', `process.stdin.once('data', () => process.exit(${code}))`];
  const PIPED = { footprint: 64 * MiB, name: 'done', stdio: ['pipe', 'ignore', 'ignore'] } as const;

  it('with exit code 0 was done: it is unloaded, and not killed', async () => {
    const { guard, events, types, spawn } = makeGuard();
    const program = await spawn(exits(0), { ...PIPED, onKilled: 'reload' });
    expect(guard.models()).toHaveLength(1);
    program.process.stdin!.write('now\n');
    expect(await told(events, 'unloaded')).toMatchObject({ model: 'done' });
    expect(guard.models()).toEqual([]);
    expect(types()).not.toContain('killed');
    await expect(program.use(() => 'used')).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: 'The program "done" ended with exit code 0; start it again.',
    });
  });

  it('with another exit code was killed, and its promise is gone', async () => {
    const { guard, events, types, spawn } = makeGuard();
    const program = await spawn(exits(3), PIPED);
    program.process.stdin!.write('now\n');
    expect(await told(events, 'killed')).toMatchObject({ model: 'done', exitCode: 3, byKernel: false, reloads: false });
    expect([guard.models(), guard.ledger.entries()]).toEqual([[], []]);
    expect(types()).not.toContain('unloaded');
  });

  it('before it is ready fails its load, and leaves nothing reserved', async () => {
    const { guard, events, spawn } = makeGuard();
    const starting = spawn(['-e', 'process.exit(3)'], {
      footprint: 1 * MiB,
      name: 'early',
      ready: () => new Promise(() => {}),
    });
    await expect(starting).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: 'The program "early" ended with exit code 3 before it was ready; look at what it printed.',
    });
    expect([guard.models(), guard.ledger.entries()]).toEqual([[], []]);
    expect(await told(events, 'killed')).toMatchObject({ model: 'early', exitCode: 3 });
  });
});

describe('a program that is killed', () => {
  it('is told so, and its use rejects', async () => {
    const { guard, events, spawn } = makeGuard();
    const program = await spawn(WAITS, { footprint: 64 * MiB, name: 'victim' });
    process.kill(program.pid, 'SIGKILL');
    expect(await told(events, 'killed')).toMatchObject({ model: 'victim', signal: 'SIGKILL', hung: false });
    expect([guard.models(), guard.ledger.entries()]).toEqual([[], []]);
    await expect(program.use(() => 'used')).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
  });

  it("is started again by its next use, with `onKilled: 'reload'`", async () => {
    const { guard, events, spawn } = makeGuard();
    const program = await spawn(WAITS, { footprint: 64 * MiB, name: 'victim', onKilled: 'reload' });
    const first = program.pid;
    process.kill(first, 'SIGKILL');
    expect(await told(events, 'killed')).toMatchObject({ reloads: true });
    const pid = await program.use((now) => now.pid);
    expect(guard.models()).toMatchObject([{ name: 'victim', pid }]);
    expect(pid).not.toBe(first);
  });
});

const noWall = whyNoControlGroups();
if (noWall) console.log(`skipped: a wall for a spawned program, since ${noWall}`);

describe.skipIf(noWall)('a program that outgrows its promise', () => {
  const grow = async (containment: 'auto' | 'off', words: readonly string[]) => {
    const made = makeGuard();
    const { args, given, ask } = serve(...words);
    const server = await made.spawn(args, { ...given, containment });
    const answer = await server.use(() => ask('/allocate', '400')).catch(() => 'killed');
    return { ...made, server, answer };
  };

  it.each([
    ['itself', []],
    ['the process that it started', ['--worker']],
  ])('is ended by the kernel at a wall of its own, if it was %s that grew', async (_who, words) => {
    const { guard, events, server, answer } = await grow('auto', words);
    expect(answer).toBe('killed');
    const killed = await told(events, 'killed');
    expect(killed).toMatchObject({ model: 'my server', byKernel: true, scope: { kind: 'cgroup-v1' } });
    expect(killed.message).toMatch(/was ended by the kernel, since the memory of .* had run out\. It held /);
    expect(guard.models()).toEqual([]);
    await waitUntil(() => hasEnded(server.pid), MOST_MS);
  });

  it('is not, without a wall', async () => {
    const { guard, events, answer } = await grow('off', ['--worker']);
    expect(answer).toBe('taken');
    expect(events.map(({ type }) => type)).not.toContain('killed');
    expect(guard.models()[0]?.heldBytes).toBeGreaterThan(400 * MiB);
  });
});

describe('a start', () => {
  it('of a program that is not there leaves nothing reserved', async () => {
    const { guard } = makeGuard();
    await expect(guard.spawn('no-such-program', [], { footprint: 1 })).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
    });
    expect([guard.models(), guard.ledger.entries()]).toEqual([[], []]);
  });

  it('with bad options is refused before it is judged', async () => {
    const { guard, types } = makeGuard();
    await expect(guard.spawn(process.execPath, [], {})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(guard.spawn(process.execPath, [], { footprint: 'much' })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('Expected `footprint` to be'),
    });
    expect(types()).toEqual([]);
  });

  it.each(['a signal', 'an error of its own'])(
    'that is given up by %s ends the program, and nothing stays reserved',
    async (by) => {
      const { guard, spawn } = makeGuard();
      const controller = new AbortController();
      const reason = new Error('enough');
      let program: SpawnedProgram | undefined;
      const ready = (given: SpawnedProgram) => {
        program = given;
        if (by !== 'a signal') throw reason;
        setImmediate(() => controller.abort(reason));
        return new Promise(() => {});
      };
      await expect(spawn(WAITS, { footprint: 1 * MiB, ready, signal: controller.signal })).rejects.toBe(reason);
      expect(program?.end).toMatchObject({ asked: true });
      expect([guard.models(), guard.ledger.entries()]).toEqual([[], []]);
    },
  );

  it('is refused by a guard that was closed', async () => {
    const { guard } = makeGuard();
    guard.close();
    await expect(guard.spawn(process.execPath, [], { footprint: 1 })).rejects.toMatchObject({
      code: 'ERR_GUARD_CLOSED',
    });
  });
});

describe('the handle of a program', () => {
  it('that takes no notice of SIGTERM is stopped by force', async () => {
    const { guard, spawn } = makeGuard();
    const program = await spawn(
      ['-e', "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"],
      {
        footprint: 1 * MiB,
        stopTimeoutMs: 100,
        stdio: ['ignore', 'pipe', 'ignore'],
        ready: ({ process: { stdout } }) => new Promise((resolve) => stdout!.once('data', resolve)),
      },
    );
    await program.stop();
    expect(program.end).toMatchObject({ signal: 'SIGKILL', asked: true });
    expect(guard.models()).toEqual([]);
  });

  it('ends it at the end of an `await using` block', async () => {
    const { guard, spawn } = makeGuard();
    let kept: SpawnedProgram;
    {
      await using program = await spawn(WAITS, { footprint: 1 * MiB });
      kept = program;
      expect(guard.models()).toHaveLength(1);
    }
    expect([guard.models(), kept.end?.asked]).toEqual([[], true]);
  });

  it('ends it when it is lost', async () => {
    const { guard, events } = makeGuard();
    const pid = await (async () => {
      const program = await guard.spawn(process.execPath, WAITS, { footprint: 1 * MiB, name: 'lost', stdio: 'ignore' });
      return program.pid;
    })();
    onTestFinished(() => {
      if (!hasEnded(pid)) process.kill(pid, 'SIGKILL');
    });
    expect(await collectUntil(() => events.some(({ type }) => type === 'leaked') || guard.models().length === 0)).toBe(
      true,
    );
    expect(await told(events, 'leaked')).toMatchObject({ model: 'lost' });
    await waitUntil(() => hasEnded(pid), MOST_MS);
  });
});

describe('a program that starts another one', () => {
  const start = (then: string) => `
    const nexa = door.withMemoryGuard({ loadModel() {} }, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    const started = await nexa.guard.spawn(process.execPath, ${JSON.stringify(WAITS)}, { footprint: 1, stdio: 'ignore' });
    console.log(started.pid);
    ${then}`;

  it.each([
    ['ends by itself once it has stopped that', 'await started.stop();', 0],
    ['ends with the code of process.exit', 'process.exit(7);', 7],
    ['ends with an error that it does not catch', "started.use(() => { throw new Error('mine'); });", 1],
  ])('%s, and leaves nothing running', async (_how, then, code) => {
    const ended = await runProgram(start(then));
    expect(ended).toMatchObject({ code, signal: null });
    const pid = Number(ended.stdout);
    expect(pid).toBeGreaterThan(1);
    await waitUntil(() => hasEnded(pid), MOST_MS);
  });
});

describe('beside an SDK', () => {
  it('a program stays when the SDK is disposed, and is still registered', async () => {
    const sdk = await NexaSDK.initialize({ modelsDir: files.folder });
    const { nexa, guard, spawn } = makeGuard({}, sdk as never);
    const program = await spawn(WAITS, { footprint: 1 * MiB, name: 'mine' });
    await (nexa as unknown as NexaSDK).loadModel('qwen2audio', { quantization: 'Q4_0', contextSize: 512 });
    expect(guard.models()).toHaveLength(2);
    await (nexa as unknown as NexaSDK).dispose();
    expect(guard.models().map(({ name }) => name)).toEqual(['mine']);
    expect(program.end).toBeUndefined();
  });
});
