/** How a process is started, by Node for real, and by Electron with a stand-in for what its documentation says. */
import { EventEmitter } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type StartedChild, startChild, type UtilityProcesses } from '../../src/children/start-child.ts';
import { writeChildProgram } from '../support/child-programs.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

afterEach(() => vi.unstubAllEnvs());

async function start(body: string): Promise<StartedChild> {
  const child = await startChild(writeChildProgram(body));
  onTestFinished(() => child.kill());
  return child;
}

/** The first message of a process. */
const firstMessage = (child: StartedChild) => new Promise<unknown>((resolve) => child.onMessage(resolve));
const end = (child: StartedChild) =>
  new Promise<unknown>((resolve) => child.onExit((exitCode, signal) => resolve([exitCode, signal])));

describe('a process that Node starts', () => {
  test('answers, prints to its end, and ends as it is told', async () => {
    const child = await start(
      'console.log("out"); console.error("err"); globalThis.take = ({ type }) => type === "quit" && process.exit(7);',
    );
    let printed = '';
    const printedAll = new Promise<void>((resolve) => {
      child.onOutput((bytes) => {
        if (bytes) printed += Buffer.from(bytes).toString();
        else resolve();
      });
    });
    const message = firstMessage(child);
    child.send({ type: 'ping' });
    expect(await message).toEqual({ type: 'pong' });
    const ended = end(child);
    child.send({ type: 'quit' });
    expect(await ended).toEqual([7, null]);
    await printedAll;
    expect(printed.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  test('is killed whatever it does, and what is sent to it afterwards is lost', async () => {
    const child = await start('send("ready"); block(60_000);');
    await firstMessage(child);
    const ended = end(child);
    child.kill();
    child.send({ type: 'ping' });
    expect(await ended).toEqual([null, 'SIGKILL']);
    child.send({ type: 'ping' });
    child.kill();
  });

  test.runIf(process.platform === 'linux')(
    'has no descriptor of the program and none of its options for Node, and no secrets',
    async () => {
      const files = makeTinyModels();
      onTestFinished(() => files.remove());
      const opened = openSync(files.tone, 'r');
      onTestFinished(() => closeSync(opened));
      vi.stubEnv('NODE_OPTIONS', '--no-deprecation');
      vi.stubEnv('HF_TOKEN', 'hush');
      vi.stubEnv('NODE_CHANNEL_FD', '99');
      vi.stubEnv('SOME_SETTING', 'kept');
      expect(process.execArgv).toContain('--expose-gc');
      const child = await start(
        'send({ execArgv: process.execArgv, names: Object.keys(process.env), hasGc: "gc" in globalThis });',
      );
      const { execArgv, names, hasGc } = (await firstMessage(child)) as {
        execArgv: string[];
        names: string[];
        hasGc: boolean;
      };
      expect([execArgv, hasGc]).toEqual([[], false]);
      expect(names).toContain('SOME_SETTING');
      expect(names.filter((name) => /NODE_OPTIONS|NODE_CHANNEL|TOKEN/.test(name))).toEqual([]);
      expect(readFileSync(`/proc/${child.pid}/environ`, 'latin1')).not.toMatch(/hush|NODE_OPTIONS|NODE_CHANNEL_FD=99/);
      const open = readdirSync(`/proc/${child.pid}/fd`).map((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`));
      expect(open.length).toBeGreaterThan(3);
      expect(open.filter((target) => target.startsWith(files.folder))).toEqual([]);
      const sockets = open.filter((target) => target.startsWith('socket:'));
      const own = readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)];
        } catch {
          return [];
        }
      });
      expect(sockets.filter((target) => own.includes(target))).toEqual([]);
    },
  );

  test('has variables of its own beside those of the program', async () => {
    const path = writeChildProgram('send([process.env.MALLOC_ARENA_MAX, typeof process.env.PATH]);');
    const child = await startChild(path, [], undefined, { MALLOC_ARENA_MAX: '7' });
    onTestFinished(() => child.kill());
    expect(await firstMessage(child)).toEqual(['7', 'string']);
  });

  test('that can not be started is an error', async () => {
    const { execPath } = process;
    onTestFinished(() => {
      process.execPath = execPath;
    });
    process.execPath = '/nowhere/node';
    await expect(startChild(writeChildProgram())).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(
        /^The process of the model could not be started from .*child\.mjs: spawn \/nowhere\/node ENOENT; let this program start processes, or choose `isolation: 'none'`\.$/,
      ),
    });
  });
});

/** What Electron documents of a utility process: it never was one. */
class FakeUtilityProcess extends EventEmitter {
  pid: number | undefined;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sent: unknown[] = [];
  kills = 0;

  postMessage(message: unknown): void {
    this.sent.push(message);
  }

  kill(): boolean {
    this.kills += 1;
    return true;
  }
}

describe('a process that Electron starts, as documented', () => {
  function fake(event: 'spawn' | 'exit' = 'spawn') {
    const utility = new FakeUtilityProcess();
    const forks: unknown[][] = [];
    const utilities = {
      fork(...args: unknown[]) {
        forks.push(args);
        setImmediate(() => {
          // It lives in no process here, and this number is none's.
          if (event === 'spawn') utility.pid = 2 ** 30;
          utility.emit(event, 3);
        });
        return utility;
      },
    } as unknown as UtilityProcesses;
    return { utility, forks, utilities };
  }

  test('gets a clean environment, and its messages, output and end are told', async () => {
    vi.stubEnv('HF_TOKEN', 'hush');
    const { utility, forks, utilities } = fake();
    const child = await startChild('/child.js', [], utilities);
    expect(child.pid).toBe(2 ** 30);
    expect(forks).toEqual([
      ['/child.js', [], expect.objectContaining({ execArgv: [], stdio: ['ignore', 'pipe', 'pipe'] })],
    ]);
    expect((forks[0]![2] as { env: object }).env).not.toHaveProperty('HF_TOKEN');
    const heard: unknown[] = [];
    child.onMessage((message) => heard.push(message));
    child.onOutput((bytes) => heard.push(bytes?.toString()));
    child.onExit((exitCode, signal) => heard.push([exitCode, signal]));
    child.hold(true);
    child.send({ type: 'ping' });
    expect(utility.sent).toEqual([{ type: 'ping' }]);
    utility.emit('message', { type: 'pong' });
    utility.stdout.write('out');
    await new Promise((resolve) => setImmediate(resolve));
    utility.emit('exit', 5);
    expect(heard).toEqual([{ type: 'pong' }, 'out', undefined, [5, null]]);
  });

  test('is killed by its number, and by Electron where that is nobody’s', async () => {
    const { utility, utilities } = fake();
    const child = await startChild('/child.js', [], utilities);
    const kill = vi.spyOn(process, 'kill').mockReturnValueOnce(true);
    onTestFinished(() => kill.mockRestore());
    child.kill();
    expect(kill).toHaveBeenCalledWith(2 ** 30, 'SIGKILL');
    expect(utility.kills).toBe(0);
    kill.mockRestore();
    child.kill();
    expect(utility.kills).toBe(1);
  });

  test('that ends before it runs is an error', async () => {
    const { utilities } = fake('exit');
    await expect(startChild('/child.js', [], utilities)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringMatching(
        /^The process of the model could not be started from \/child\.js: it ended with 3; let this program/,
      ),
    });
  });

  test('that V8 gives up ends nobody else', async () => {
    const { utility, utilities } = fake();
    await startChild('/child.js', [], utilities);
    expect(() => utility.emit('error', 'FatalError', 'somewhere', '{}')).not.toThrow();
  });

  test('before the application is ready is an error with a code', async () => {
    const cause = new Error('utilityProcess cannot be created before app is ready.');
    const utilities = {
      fork() {
        throw cause;
      },
    } as unknown as UtilityProcesses;
    await expect(startChild('/child.js', [], utilities)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining(
        '/child.js: utilityProcess cannot be created before app is ready; let this program',
      ),
      cause,
    });
  });

  test('is looked for in the main process of an application only', async () => {
    const { versions } = process;
    onTestFinished(() => {
      Object.defineProperty(process, 'versions', { value: versions });
      delete (process as { type?: string }).type;
    });
    Object.defineProperty(process, 'versions', { value: { ...versions, electron: '45.0.0' }, configurable: true });
    for (const type of [undefined, 'renderer', 'worker']) {
      Object.assign(process, { type });
      const child = await startChild(writeChildProgram());
      onTestFinished(() => child.kill());
      expect(child.pid).toBeGreaterThan(0);
    }
    // In an application the package of this name is Electron itself.
    const require = createRequire(import.meta.url);
    const path = require.resolve('electron');
    const { utility, utilities } = fake();
    require.cache[path] = Object.assign(new Module(path), { loaded: true, exports: { utilityProcess: utilities } });
    onTestFinished(() => {
      delete require.cache[path];
    });
    Object.assign(process, { type: 'browser' });
    expect((await startChild('/child.js')).pid).toBe(utility.pid);
  });
});
