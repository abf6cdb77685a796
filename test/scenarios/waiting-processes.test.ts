/** Loads that wait beside other processes: one that is stopped while it waits, and one that keeps the ledger. Needs `dist/`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { LedgerChild } from '../support/ledger-child.ts';

const whyNot = loadAddon()?.locks ? whyNoControlGroups() : 'the addon has no locks here';
if (whyNot) console.log(`skipped: loads that wait beside other processes, since ${whyNot}`);

const DOOR = new URL('../../dist/index.js', import.meta.url).href;
const LIMIT = 1024 * MiB;

function makeDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), 'nexa-waiting-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'ledger');
}

/** A process that keeps the ledger for so long: it is asked for a footprint while it decides, and takes its time. */
async function keepLedger(directory: string, forMs: number): Promise<ChildProcess> {
  const program = `
    import { writeSync } from 'node:fs';
    const { withMemoryGuard } = await import(${JSON.stringify(DOOR)});
    const nexa = withMemoryGuard({ loadModel: async () => ({}) }, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: { directory: process.argv[1] } });
    let asked = 0;
    const footprint = () => {
      if (++asked === 2) {
        writeSync(1, 'keeps');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${forMs});
      }
      return 1;
    };
    await nexa.loadModel('slow', { memoryGuard: { footprint } });
    setInterval(() => {}, 1000);`;
  const keeper = spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void keeper.kill('SIGKILL'));
  await once(keeper.stdout, 'data');
  return keeper;
}

describe.skipIf(whyNot)('a process that is stopped while its load waits', () => {
  it('keeps memory from others for a moment only, and has its place again when it goes on', {
    timeout: 60_000,
  }, async () => {
    const shared = createControlGroup(LIMIT);
    const directory = makeDirectory();
    const child = () => new LedgerChild({ ledger: { directory } }, shared);
    const [first, stopped, other] = [child(), child(), child()];
    await first.load('first', 500 * MiB);
    stopped.tell({ load: 'waits', memoryGuard: { footprint: 700 * MiB, wait: true } });
    const small = () => other.load('small', 100 * MiB);
    while ((await small()).loaded) await other.ask({ dispose: true });
    await stopped.kill('SIGSTOP');
    while (!(await small()).loaded) await sleep(50);
    await other.ask({ dispose: true });
    await stopped.kill('SIGCONT');
    while ((await small()).loaded) {
      await other.ask({ dispose: true });
      await sleep(50);
    }
    await first.kill('SIGKILL');
    expect(await stopped.answer()).toEqual({ loaded: 'waits' });
  });
});

describe.skipIf(whyNot)('a load that may wait while another process keeps the ledger', () => {
  const waiting = (directory: string) => new LedgerChild({ ledger: { directory } });

  it('goes in when that is over', { timeout: 30_000 }, async () => {
    const directory = makeDirectory();
    const keeper = await keepLedger(directory, 4000);
    const child = waiting(directory);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: true } });
    expect((await child.answer()).degraded).toContain(`locked by process ${keeper.pid}`);
    expect(await child.answer()).toEqual({ loaded: 'm' });
  });

  it('is refused when its own time is over, with the name of that process', { timeout: 30_000 }, async () => {
    const directory = makeDirectory();
    const keeper = await keepLedger(directory, 20_000);
    const child = waiting(directory);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: { timeoutMs: 3000 } } });
    expect((await child.answer()).degraded).toContain(`locked by process ${keeper.pid}`);
    expect(await child.answer()).toMatchObject({
      refused: 'm',
      code: 'ERR_ADMISSION_TIMEOUT',
      message: expect.stringMatching(
        new RegExp(`^Waited 3\\.\\d s for the ledger\\..*locked by process ${keeper.pid}`),
      ),
    });
  });

  it('is let in unread after a moment if it is forced', { timeout: 30_000 }, async () => {
    const directory = makeDirectory();
    await keepLedger(directory, 20_000);
    const child = waiting(directory);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: true, force: true } });
    expect((await child.answer()).degraded).toContain('Admitted unread');
    expect(await child.answer()).toEqual({ loaded: 'm' });
  });
});
