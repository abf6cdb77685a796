/** The harness itself: what comes back from a guest, how each of its ends is told, and that nothing is left of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runInVm, VmError, type VmOptions } from '../../../tools/vm/run-in-vm.mjs';
import { whyNotHere } from '../../vm/why-not-here.ts';

const TIMEOUT_MS = 120_000;

const act = (act: string, options: Partial<VmOptions> = {}) =>
  runInVm({ script: 'test/vm/guest/acts.mjs', input: { act, more: [1, 'two'] }, memoryMiB: 512, ...options });

async function catchFailure(run: Promise<unknown>): Promise<VmError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(VmError);
  return error as VmError;
}

/** Processes that name this folder in their command line. */
function processesWith(folder: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false; // it has just ended
    }
  });
}

describe.skipIf(whyNotHere !== undefined)('a program in a machine of its own', () => {
  it(
    'is run by this Node with what it was given, and what it reports comes back',
    async () => {
      const [echo, found, long] = await act('tell', {
        cpus: 2,
        modules: ['zram'],
        programs: ['perl'],
        include: ['LICENSE'],
      });
      expect(echo).toEqual({ act: 'tell', more: [1, 'two'] });
      expect(found).toMatchObject({ node: process.version, cpus: 2, controllers: 'memory', perl: '42' });
      expect(found.licence).toBe(readFileSync(new URL('../../../LICENSE', import.meta.url), 'utf8').length);
      expect(found.modules).toEqual(expect.arrayContaining(['virtio_blk', 'zsmalloc', 'zram']));
      expect(found.memoryMiB).toBeGreaterThan(440);
      expect(found.memoryMiB).toBeLessThan(512);
      expect(long).toBe('line\nbreak \u{1F4BE} '.repeat(20_000));
    },
    TIMEOUT_MS,
  );

  it.each([
    ['throws', 'throw', /^The guest's program ended with code 1\.\n.*Error: thrown in the guest/s],
    ['crashes its kernel', 'panic', /^The guest's kernel panicked: .*sysrq triggered crash/],
  ])(
    'that %s is told as such, with what it had reported',
    async (_, name, message) => {
      const error = await catchFailure(act(name));
      expect(error.message).toMatch(message);
      expect(error.lines).toEqual([{ act: name, more: [1, 'two'] }]);
    },
    TIMEOUT_MS,
  );

  it(
    'that hangs is ended when its time is over',
    async () => {
      const { message } = await catchFailure(act('hang', { timeoutMs: 6000 }));
      expect(message).toMatch(/^The guest did not end within 6 s\./);
    },
    TIMEOUT_MS,
  );

  it('that asks for what is not there is refused before a machine starts', async () => {
    await expect(act('tell', { modules: ['no_such_module'] })).rejects.toThrow(/has no module no_such_module$/);
    await expect(act('tell', { programs: ['no-such-program'] })).rejects.toThrow(
      'no-such-program is not on this machine',
    );
  });

  it(
    'leaves no process and no file, even if the one who started it is killed',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'nexa-vm-killed-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const program = `import { runInVm } from ${JSON.stringify(new URL('../../../tools/vm/run-in-vm.mjs', import.meta.url).href)};
      await runInVm({ script: 'test/vm/guest/acts.mjs', input: { act: 'hang' }, memoryMiB: 512, onLine: () => console.log('up') });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const first = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      expect(String(first)).toContain('up');
      expect(processesWith(folder)).not.toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await expect.poll(() => processesWith(folder), { timeout: 10_000 }).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
