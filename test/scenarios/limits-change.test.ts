/** A guarded process whose real control group is resized, or that is moved to another one. Needs `dist/`. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { LimitsEvent } from '../../src/events/guard-events.ts';
import { type ControlGroup, createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { LedgerChild } from '../support/ledger-child.ts';

const whyNot = whyNoControlGroups();
if (whyNot) console.log(`skipped: limits that change, since ${whyNot}`);

const DOOR = new URL('../../dist/index.js', import.meta.url).href;

/** A process in a group that holds a model and prints each `limits` event that it is told. */
async function holdModel(group: ControlGroup, env: NodeJS.ProcessEnv) {
  const program = `
    const { withMemoryGuard } = await import(${JSON.stringify(DOOR)});
    const sdk = { loadModel: async () => ({ dispose: async () => {} }) };
    const nexa = withMemoryGuard(sdk, { ledger: 'process', minFreeRatioAfterLoad: 0, minFreeBytes: 0 });
    nexa.guard.on('limits', (event) => console.log(JSON.stringify(event)));
    globalThis.model = await nexa.loadModel('m', { memoryGuard: { footprint: ${MiB} } });
    console.log('{}');
    setInterval(() => {}, 1000);`;
  const child = group.spawn([process.execPath, '--input-type=module', '-e', program], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const stdout = child.stdout as NodeJS.ReadableStream;
  const nextEvent = async () => JSON.parse(String((await once(stdout, 'data'))[0])) as LimitsEvent;
  await nextEvent();
  return { pid: child.pid as number, nextEvent };
}

describe.skipIf(whyNot).each([
  ['with the addon', {}],
  ['without it', { NEXA_MEMORY_GUARD_ADDON: 'off' }],
])('a process that holds a model, %s,', (_, env) => {
  it('is told that its group was lowered and raised, and that it was moved', { timeout: 60_000 }, async () => {
    const parent = createControlGroup(900 * MiB);
    const [first, second] = [parent.createChild('first', 600 * MiB), parent.createChild('second', 500 * MiB)];
    const { pid, nextEvent } = await holdModel(first, env);
    for (const [from, to] of [
      [600 * MiB, 400 * MiB],
      [400 * MiB, 700 * MiB],
    ] as const) {
      first.setLimit(to);
      expect(await nextEvent()).toMatchObject({
        type: 'limits',
        reason: 'resized',
        kind: 'cgroup-v1',
        path: first.path,
        previousLimitBytes: from,
        limitBytes: to,
        previousTotalBytes: from,
        totalBytes: to,
      });
    }
    second.enter(pid);
    expect(await nextEvent()).toMatchObject({
      reason: 'moved',
      path: second.path,
      previousPath: first.path,
      previousLimitBytes: 700 * MiB,
      limitBytes: 500 * MiB,
      totalBytes: 500 * MiB,
    });
  });
});

describe.skipIf(whyNot ?? (loadAddon()?.locks ? undefined : 'the addon has no locks here'))(
  'what a process was promised',
  () => {
    it('follows it into another group', { timeout: 60_000 }, async () => {
      const parent = mkdtempSync(join(tmpdir(), 'nexa-moved-'));
      onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
      const options = { ledger: { directory: join(parent, 'ledger') } };
      const [first, second] = [createControlGroup(1024 * MiB), createControlGroup(1024 * MiB)];
      const moved = new LedgerChild(options, first);
      const [left, entered] = [new LedgerChild(options, first), new LedgerChild(options, second)];
      expect(await moved.load('moved', 600 * MiB)).toEqual({ loaded: 'moved' });
      second.enter(moved.process.pid as number);
      const fits = async (child: LedgerChild) => {
        const { loaded } = await child.load('large', 700 * MiB);
        if (loaded) await child.ask({ dispose: true });
        return loaded !== undefined;
      };
      while (await fits(entered)) await sleep(100);
      expect(await fits(left)).toBe(true);
    });
  },
);
