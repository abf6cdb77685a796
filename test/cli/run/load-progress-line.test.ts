import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { showLoadProgressLine } from '../../../src/cli/run/load-progress-line.ts';
import { MiB } from '../../../src/index.ts';
import { fakeIo } from '../../support/fake-io.ts';

describe('the progress of a load', () => {
  it.runIf(process.platform === 'linux')('is written by another thread while this one is blocked', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-progress-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'progress');
    const fd = openSync(path, 'w');
    onTestFinished(() => closeSync(fd));
    const io = fakeIo({ isTTY: true });
    const done = showLoadProgressLine({ stderr: io.stderr, stderrFd: fd }, 'Loading', 64 * MiB);
    const taken: Buffer[] = [];
    const lines = () => readFileSync(path, 'utf8').split('\r').filter(Boolean);
    for (const endMs = performance.now() + 20_000; lines().length < 3 && performance.now() < endMs; ) {
      if (taken.length < 32) taken.push(Buffer.alloc(1 * MiB, 1)); // this loop never gives the thread back
    }
    expect(lines()[0]).toMatch(/^Loading +\d+ %$/);
    expect(lines().length).toBeGreaterThanOrEqual(3);
    await done();
    expect(io.stderr.text).toBe('\r\x1b[K');
  });

  it('is not shown without a terminal, nor where nobody tells what a process takes', async () => {
    const io = fakeIo();
    await showLoadProgressLine({ stderr: io.stderr, stderrFd: 2 }, 'Loading', 1)();
    const terminal = fakeIo({ isTTY: true });
    await showLoadProgressLine({ stderr: terminal.stderr, stderrFd: 2 }, 'Loading', 1, 'darwin')();
    await showLoadProgressLine({ stderr: terminal.stderr }, 'Loading', 1)();
    expect(io.stderr.text + terminal.stderr.text).toBe('');
  });

  it.runIf(process.platform === 'linux')('ends no load if it can’t be written', async () => {
    const io = fakeIo({ isTTY: true });
    const fd = openSync('/dev/null', 'r'); // to be read only
    onTestFinished(() => closeSync(fd));
    const done = showLoadProgressLine({ stderr: io.stderr, stderrFd: fd }, 'Loading', 1);
    // Its first line is due after 100 ms; what it throws would end this process.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await done();
    expect(io.stderr.text).toBe('\r\x1b[K');
  });
});
