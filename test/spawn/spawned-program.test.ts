import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listProcessTree } from '../../src/processes/process-tree.ts';
import { SpawnedProgram } from '../../src/spawn/spawned-program.ts';
import { hasEnded, waitUntil } from '../support/group-program.ts';

const linux = process.platform === 'linux';

/** Runs a line of the shell, in a group of its own as `guard.spawn` starts programs. */
async function run(line: string, stopTimeoutMs = 10_000): Promise<SpawnedProgram> {
  const child = spawn('/bin/sh', ['-c', line], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const program = new SpawnedProgram(child, 'a shell', stopTimeoutMs);
  onTestFinished(() => {
    program.endNow();
  });
  await once(child.stdout!, 'data');
  return program;
}

describe.runIf(process.platform !== 'win32')('a spawned program', () => {
  it('tells who it is, and has no end while it runs', async () => {
    const program = await run('echo started; sleep 1000');
    expect(program).toMatchObject({ pid: program.process.pid, name: 'a shell', end: undefined });
    expect(await program.use((given) => given === program)).toBe(true);
  });

  it('is stopped by SIGTERM, with time to end by itself', async () => {
    const program = await run("trap 'exit 7' TERM; echo started; while :; do sleep 0.01; done");
    await program.stop();
    expect(program.end).toEqual({ exitCode: 7, asked: true, hung: false });
    await program.stop();
  });

  it('that takes no notice of SIGTERM is ended by SIGKILL', async () => {
    const program = await run("trap '' TERM; echo started; while :; do sleep 0.01; done", 50);
    await program.stop();
    expect(await program.ended).toEqual({ signal: 'SIGKILL', asked: true, hung: false });
  });

  it.runIf(linux)('takes along what it started, when it is stopped and when it is killed', async () => {
    for (const end of [
      (program: SpawnedProgram) => program.stop(),
      (program: SpawnedProgram) => void process.kill(program.pid, 'SIGKILL'),
    ]) {
      const program = await run('(trap "" TERM; sleep 1000) & echo started; wait');
      await waitUntil(() => listProcessTree(program.pid).length >= 2, 5000);
      const tree = listProcessTree(program.pid);
      await end(program);
      await program.ended;
      await waitUntil(() => tree.every(hasEnded), 5000);
    }
  });

  it('is ended at the end of an `await using` block', async () => {
    let used: SpawnedProgram;
    {
      await using program = await run('echo started; sleep 1000');
      used = program;
    }
    expect(used.end).toMatchObject({ signal: 'SIGTERM', asked: true });
  });

  it.each([
    ['exit 0', { exitCode: 0, asked: true }, 'ended with exit code 0'],
    ['exit 3', { exitCode: 3, asked: false }, 'ended with exit code 3'],
    ['kill -9 $$', { signal: 'SIGKILL', asked: false }, 'was ended by SIGKILL'],
  ])('that ends by `%s` says so, and is used no more', async (line, end, words) => {
    const program = await run(`echo started; ${line}`);
    expect(await program.ended).toEqual({ ...end, hung: false });
    const use = program.use(() => 'used');
    await expect(use).rejects.toMatchObject({
      code: 'ERR_MODEL_KILLED',
      message: `The program "a shell" ${words}; start it again.`,
    });
  });
});
