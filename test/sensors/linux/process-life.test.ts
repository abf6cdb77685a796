import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProcessLife } from '../../../src/sensors/linux/process-life.ts';

const stat = (command: string, state: string, startedAt: number) =>
  `7 (${command}) ${state} ${Array(18).fill(0).join(' ')} ${startedAt} 0 0`;

/** A stand-in of /proc with the process 7. */
function makeProc(text: string) {
  const root = mkdtempSync(join(tmpdir(), 'nexa-proc-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, '7'));
  const write = (changed: string) => writeFileSync(join(root, '7', 'stat'), changed);
  write(text);
  return { life: new ProcessLife(7, root), write, remove: () => rmSync(join(root, '7'), { recursive: true }) };
}

describe('the life of a process', () => {
  it('goes on while it is the same one, whatever its name holds', () => {
    const { life, write } = makeProc(stat('a) Z (b', 'S', 500));
    expect([life.command, life.runs]).toEqual(['a) Z (b', true]);
    write(stat('renamed', 'R', 500));
    expect(life.runs).toBe(true);
  });

  it('is over once it is gone, has ended, or another one has its number', () => {
    const { life, write, remove } = makeProc(stat('node', 'S', 500));
    write(stat('node', 'Z', 500));
    expect(life.runs).toBe(false);
    write(stat('node', 'S', 501));
    expect(life.runs).toBe(false);
    remove();
    expect(life.runs).toBe(false);
  });

  it.runIf(process.platform === 'linux')('is that of a real process', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const life = new ProcessLife(child.pid!);
    expect(life.runs).toBe(true);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(life.runs).toBe(false);
    expect(new ProcessLife(child.pid!)).toMatchObject({ runs: false, command: undefined });
  });
});
