/** What a real child holds while it takes memory and after it has ended; on other systems, what the addon is asked and what becomes of its answer. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { readProcessBytes } from '../../src/processes/process-bytes.ts';
import { GroupProgram, hasEnded, waitUntil } from '../support/group-program.ts';

const onLinux = process.platform === 'linux';

/** Takes as many bytes as each line says, and says when it has. */
const PROGRAM = `
const held = [];
require('node:readline').createInterface({ input: process.stdin })
  .on('line', (bytes) => { held.push(Buffer.alloc(Number(bytes), 1)); console.log(true); });
console.log(true);
`;

describe.skipIf(!onLinux)('the bytes of another process', () => {
  it('grow by what it fills, and are unknown once it has ended', async () => {
    const child = new GroupProgram(['-e', PROGRAM]);
    await child.next();
    const before = readProcessBytes(child.pid)!;
    child.tell(64 * MiB);
    await child.next();
    const grown = readProcessBytes(child.pid)! - before;
    expect(grown).toBeGreaterThan(60 * MiB);
    expect(grown).toBeLessThan(80 * MiB);
    child.process.kill('SIGKILL');
    await waitUntil(() => child.process.signalCode !== null, 5000);
    expect(readProcessBytes(child.pid)).toBeUndefined();
  });

  it('are unknown if it has ended and its parent has not asked how', async () => {
    // The shell would ask; it becomes a program that never does.
    const parent = new GroupProgram(['-c', 'sleep 20 & echo $!; exec sleep 20'], '/bin/sh');
    const pid = (await parent.next()) as number;
    await waitUntil(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1') === 'sleep\n', 5000);
    expect(readProcessBytes(pid)).toBeGreaterThan(0);
    process.kill(pid, 'SIGKILL');
    await waitUntil(() => hasEnded(pid), 5000);
    expect(existsSync(`/proc/${pid}/status`)).toBe(true);
    expect(readProcessBytes(pid)).toBeUndefined();
    expect(readProcessBytes(parent.pid)).toBeGreaterThan(0);
  });

  it.each([0, -1, 0.5, Number.NaN])('are unknown if its pid is %s', (pid) => {
    expect(readProcessBytes(pid)).toBeUndefined();
  });
});

describe('the bytes of another process on other systems', () => {
  it.each(['darwin', 'win32'] as const)('are what the addon reads on %s', (platform) => {
    const asked: number[] = [];
    const read = (pid: number) => {
      asked.push(pid);
      return pid === 4711 ? 3 * GiB : undefined;
    };
    expect(readProcessBytes(4711, platform, read)).toBe(3 * GiB);
    expect(readProcessBytes(4712, platform, read)).toBeUndefined();
    expect(asked).toEqual([4711, 4712]);
  });

  it('are unknown if the addon refuses the pid', () => {
    const refuse = () => {
      throw new TypeError('Expected `pid` to be a whole number of 32 bits, got 0.5.');
    };
    expect(readProcessBytes(0.5, 'win32', refuse)).toBeUndefined();
  });

  it.skipIf(!onLinux)('are unknown if the addon has no such function', () => {
    expect(readProcessBytes(process.pid, 'darwin')).toBeUndefined();
    expect(readProcessBytes(process.pid, 'linux')).toBeGreaterThan(0);
  });
});
