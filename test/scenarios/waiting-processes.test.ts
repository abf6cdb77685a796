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

const LIMIT = 1024 * MiB;

function makeDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), 'nexa-waiting-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'ledger');
}

const ADDON = new URL('../../build/Release/nexa_memory_guard.node', import.meta.url).pathname;

/** A process that is in the ledger's section, and leaves it after so long. */
async function keepLedger(directory: string, forMs: number): Promise<ChildProcess> {
  const program = `
    const fs = require('node:fs');
    const { locks } = require(${JSON.stringify(ADDON)});
    const file = fs.openSync(${JSON.stringify(join(directory, 'nexa-ledger'))}, 'r+');
    if (locks.tryLock(file, 0) !== 1) process.exit(1);
    fs.writeSync(file, Float64Array.of(process.pid, 1), 0, 16, 32);
    console.log('keeps');
    setTimeout(() => locks.unlock(file, 0), ${forMs});
    setInterval(() => {}, 1000);`;
  const keeper = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
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
    const small = async () => {
      other.tell({ load: 'small', memoryGuard: { footprint: 100 * MiB } });
      for (;;) {
        const answer = await other.answer();
        if (!answer.degraded) return answer;
      }
    };
    while ((await small()).loaded) await other.ask({ dispose: true });
    await stopped.kill('SIGSTOP');
    for (;;) {
      const { loaded, code } = await small();
      if (loaded) break;
      // It was stopped in the ledger's section: that is another case.
      if (code === 'ERR_ADMISSION_TIMEOUT') await stopped.kill('SIGCONT');
      await sleep(50);
      await stopped.kill('SIGSTOP');
    }
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
  /** A process that has joined a ledger, which another one keeps for so long. */
  async function besideKeeper(forMs: number) {
    const directory = makeDirectory();
    const child = new LedgerChild({ ledger: { directory } });
    await child.load('first', MiB);
    const { pid } = await keepLedger(directory, forMs);
    return { child, pid };
  }

  it('goes in when that is over', { timeout: 30_000 }, async () => {
    const { child, pid } = await besideKeeper(5000);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: true } });
    expect((await child.answer()).degraded).toContain(`locked, last by process ${pid}`);
    expect(await child.answer()).toEqual({ loaded: 'm' });
  });

  it('is refused when its own time is over, with the name of that process', { timeout: 30_000 }, async () => {
    const { child, pid } = await besideKeeper(25_000);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: { timeoutMs: 4000 } } });
    expect((await child.answer()).degraded).toContain(`locked, last by process ${pid}`);
    expect(await child.answer()).toMatchObject({
      refused: 'm',
      code: 'ERR_ADMISSION_TIMEOUT',
      message: expect.stringMatching(new RegExp(`^Waited 4\\.\\d s for the ledger\\..*locked, last by process ${pid}`)),
    });
  });

  it('is let in unread after a moment if it is forced', { timeout: 30_000 }, async () => {
    const { child } = await besideKeeper(25_000);
    child.tell({ load: 'm', memoryGuard: { footprint: MiB, wait: true, force: true } });
    expect((await child.answer()).degraded).toContain('Admitted unread');
    expect(await child.answer()).toEqual({ loaded: 'm' });
  });
});
