import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readSpawnCall, type SpawnChoice, type SpawnProgramOptions } from '../../src/spawn/spawn-options.ts';
import { spawnProgram } from '../../src/spawn/spawn-program.ts';
import type { SpawnedProgram } from '../../src/spawn/spawned-program.ts';

const WAITS = 'setInterval(() => {}, 1000)';

/** Runs a line of JavaScript. The program is ended with the test. */
async function start(line: string, options: Partial<SpawnProgramOptions> = {}, started = (_: SpawnedProgram) => {}) {
  const given = { footprint: 1, name: 'a program', stdio: 'ignore', ...options } as const;
  const call = readSpawnCall(process.execPath, () => ['-e', line], given);
  const program = await spawnProgram(call, (process) => {
    onTestFinished(() => (process as SpawnedProgram).stop());
    started(process as SpawnedProgram);
  });
  return program;
}

describe('a program', () => {
  it('serves at once if nobody says when it does', async () => {
    const started = vi.fn();
    const program = await start(WAITS, {}, started);
    expect(started).toHaveBeenCalledExactlyOnceWith(program);
    expect(program.end).toBeUndefined();
  });

  it('serves once `ready` says so', async () => {
    const seen: string[] = [];
    await start(`console.log('up'); ${WAITS}`, {
      stdio: ['ignore', 'pipe', 'ignore'],
      ready: async ({ process }, signal) => {
        seen.push(String((await process.stdout!.iterator().next()).value), String(signal.aborted));
      },
    });
    expect(seen).toEqual(['up\n', 'false']);
  });

  it('has the directory and the environment that it was given, and the arguments of what was chosen', async () => {
    const call = readSpawnCall(
      process.execPath,
      ({ modelPath }: SpawnChoice) => [
        '-p',
        '[process.cwd(), process.env.MINE, process.argv[1]].join()',
        String(modelPath),
      ],
      { modelPath: '/a.gguf', cwd: '/', env: { ...process.env, MINE: 'yes' }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const program = await spawnProgram(call);
    let text = '';
    for await (const chunk of program.process.stdout!) text += chunk;
    expect(text).toBe('/,yes,/a.gguf\n');
  });

  it.runIf(process.platform === 'linux')('is the first that the kernel ends, as what it starts', async () => {
    const program = await start(WAITS);
    expect(readFileSync(`/proc/${program.pid}/oom_score_adj`, 'latin1')).toBe('1000\n');
  });
});

it('an error of its channel to Node is none of the program', async () => {
  const program = await start(WAITS);
  program.process.emit('error', new Error('kill EPERM'));
  expect(program.end).toBeUndefined();
});

describe('a start fails', () => {
  it('with what to do if there is no such program', async () => {
    const call = readSpawnCall('no-such-program', [], { footprint: 1 });
    await expect(spawnProgram(call)).rejects.toMatchObject({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message:
        'Expected the program "no-such-program", found none of that name, or no such working directory; install it or pass its path.',
    });
  });

  it('with what the system says of a file that can not be run', async () => {
    const call = readSpawnCall('/etc/passwd', [], { footprint: 1 });
    await expect(spawnProgram(call)).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: 'The program "/etc/passwd" could not be started: spawn /etc/passwd EACCES.',
    });
  });

  it('with the option that Node does not take', async () => {
    const call = readSpawnCall(process.execPath, [], { footprint: 1, env: { A: '\0' } });
    await expect(spawnProgram(call)).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  it('if its arguments are none, before anything runs', async () => {
    const started = vi.fn();
    const call = readSpawnCall(process.execPath, () => [5] as never, { footprint: 1 });
    await expect(spawnProgram(call, started)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(started).not.toHaveBeenCalled();
  });

  it.each([
    ['process.exit(3)', 'ended with exit code 3'],
    ['process.exit(0)', 'ended with exit code 0'],
    ["process.kill(process.pid, 'SIGKILL')", 'was ended by SIGKILL'],
  ])('if it ends before it serves, by %s', async (line, words) => {
    const ready = (_: SpawnedProgram, signal: AbortSignal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('later'))));
    await expect(start(line, { ready })).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: `The program "a program" ${words} before it was ready; look at what it printed.`,
    });
  });
});

describe('while it gets ready', () => {
  const never = () => new Promise(() => {});

  it('it is ended by a signal that aborts, and the reason is told', async () => {
    const controller = new AbortController();
    let program!: SpawnedProgram;
    const starting = start(WAITS, { ready: never, signal: controller.signal }, (each) => {
      program = each;
      setImmediate(() => controller.abort(new Error('mine')));
    });
    await expect(starting).rejects.toThrow('mine');
    expect(program.end).toMatchObject({ asked: true });
  });

  it('it is ended by what `ready` throws, which passes through', async () => {
    const mine = new Error('mine');
    let program!: SpawnedProgram;
    const ready = () => {
      throw mine;
    };
    const starting = start(WAITS, { ready }, (each) => {
      program = each;
    });
    await expect(starting).rejects.toBe(mine);
    expect(program.end).toMatchObject({ asked: true });
  });

  it('a signal that had aborted before it was started again is not asked', async () => {
    const program = await start(WAITS, { ready: () => {}, signal: AbortSignal.abort() });
    expect(program.end).toBeUndefined();
  });
});
