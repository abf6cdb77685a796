/** Every reason of `degraded`, by what brings it about. A reason without a test does not compile. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { DegradedEvent, DegradedReason, GuardEvent } from '../../src/events/guard-events.ts';
import type { GuardOptions } from '../../src/guard-options.ts';
import { withMemoryGuard } from '../../src/with-memory-guard.ts';
import { FakeMachine, FakeModel, FakeSDK, guardedFake, recordEvents } from '../support/fake-sdk.ts';
import { guardScripted } from '../support/scripted-processes.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const sized = (bytes: number) => ({ memoryGuard: { footprint: bytes } });
const degradedIn = (events: readonly GuardEvent[]) => events.filter((event) => event.type === 'degraded');

/** A guard over the machine that this test runs on. */
function guardedReal(options: GuardOptions, sdk = new FakeSDK()) {
  const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: 'process', ...options });
  onTestFinished(() => nexa.guard.close());
  return { nexa, guard: nexa.guard, sdk, events: recordEvents(nexa.guard) };
}

/** The path of a file that stands where a directory is looked for. */
function makeFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-degraded-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'file'), '');
  return join(folder, 'file');
}

interface Cause {
  /** What is said of the event besides its reason. */
  readonly told: Partial<Record<keyof DegradedEvent, unknown>>;
  /** Whether this system can bring it about. */
  readonly possible?: boolean;
  /** Brings it about. */
  readonly happen: () => Promise<readonly GuardEvent[]>;
}

const CAUSES: Readonly<Record<DegradedReason, Cause>> = {
  'sensor-failed': {
    told: { code: 'ERR_SENSOR', message: expect.stringContaining('reading 1 failed') },
    async happen() {
      const { nexa, machine, events } = guardedFake(new FakeMachine(15 * GiB));
      machine.failsAlways = true;
      await expect(nexa.loadModel('qwen2audio')).rejects.toMatchObject({ code: 'ERR_SENSOR' });
      return events;
    },
  },
  'admitted-unread': {
    told: { code: 'ERR_SENSOR', message: expect.stringMatching(/^Admitted unread: /) },
    async happen() {
      const { nexa, machine, events } = guardedFake(new FakeMachine(15 * GiB), { onSensorFailure: 'admit' });
      machine.failsAt = 1;
      await nexa.loadModel('m', sized(GiB));
      return events;
    },
  },
  'ledger-failed': {
    told: {
      cause: expect.any(Error),
      code: 'ERR_LEDGER',
      message: expect.stringMatching(/is no directory|are not seen/),
    },
    possible: process.getuid !== undefined,
    async happen() {
      const { nexa, events } = guardedReal({ ledger: { directory: makeFile() }, onLedgerFailure: 'alone' });
      await nexa.loadModel('m', sized(MiB));
      return events;
    },
  },
  'calibration-failed': {
    told: { cause: expect.any(Error), message: expect.stringMatching(/is ignored|can't be kept/) },
    async happen() {
      const files = makeTinyModels();
      onTestFinished(() => files.remove());
      vi.stubEnv('XDG_CACHE_HOME', makeFile());
      onTestFinished(() => void vi.unstubAllEnvs());
      const listOffers = async () => [{ quantization: 'Q4_0' as const, modelPath: files.model('Q4_0') }];
      const { guard, events } = guardedReal({ adapter: { runtime: 'test 1', listOffers } });
      expect((await guard.plan('m')).verdict).toBe('admit');
      return events;
    },
  },
  'engine-not-asked': {
    told: { message: expect.stringMatching(/^The engine could not be asked what a load takes: .*no-such-library/) },
    async happen() {
      const models = makeTinyModels();
      onTestFinished(() => models.remove());
      const findEngine = async () => ({ libraries: ['/no-such-library.so'] });
      const { nexa, events } = guardedFake(new FakeMachine(15 * GiB), { adapter: { findEngine } });
      await nexa.loadModel(models.model());
      return events;
    },
  },
  'unknown-model': {
    told: { code: 'ERR_UNKNOWN_MODEL', message: 'Nobody knows what other needs: nothing is reserved for it.' },
    async happen() {
      const { nexa, events } = guardedFake(new FakeMachine(15 * GiB), { unknownModels: 'admit' });
      await nexa.loadModel('other');
      return events;
    },
  },
  'not-understood': {
    told: { code: 'ERR_UNKNOWN_QUANTIZATION', message: expect.stringMatching(/^Observed only, and not judged: /) },
    async happen() {
      const { nexa, events } = guardedFake(new FakeMachine(15 * GiB), { mode: 'observe' });
      // Nothing was understood of it, so nobody knows what it needs either.
      await nexa.loadModel('qwen2audio', { quantization: 'Q8_0' });
      return events;
    },
  },
  outgrown: {
    told: {
      message: expect.stringMatching(/^m took [\d.]+ MiB of anonymous memory, where 1\.0 MiB had been reserved/),
    },
    possible: process.platform === 'linux',
    async happen() {
      const { nexa, sdk, events } = guardedReal({});
      // The heap of another thread is what the heap of this one doesn't explain, as the memory of an engine is.
      sdk.during = () =>
        new Promise((resolve, reject) => {
          const code = `globalThis.held = Buffer.alloc(${64 * MiB}, 1); require('worker_threads').parentPort.postMessage(1);
            setInterval(() => {}, 1000);`;
          const engine = new Worker(code, { eval: true });
          onTestFinished(async () => void (await engine.terminate()));
          engine.once('message', () => resolve(new FakeModel('m')));
          engine.once('error', reject);
        });
      await nexa.loadModel('m', sized(MiB));
      return events;
    },
  },
  'eviction-failed': {
    told: { message: 'm could not be evicted: Error: stuck', cause: expect.any(Error) },
    async happen() {
      const options = { minFreeRatioAfterLoad: 0, evict: 'idle' } as const;
      const { nexa, sdk, events } = guardedFake(new FakeMachine(4 * GiB), options);
      sdk.during = () => ({ dispose: () => Promise.reject(new Error('stuck')) });
      await nexa.loadModel('m', sized(3 * GiB));
      await expect(nexa.loadModel('new', sized(2 * GiB))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
      return events;
    },
  },
  'oom-group': {
    told: {
      message: expect.stringMatching(/^If the kernel ends the process of a model.* memory\.oom\.group is 1 on \/a; /),
    },
    async happen() {
      const { rooms, load, events } = guardScripted({ oomGroup: '/a' });
      for (const name of ['one', 'other']) await load(name, sized(MiB));
      rooms.close();
      return events;
    },
  },
};

describe('`degraded`', () => {
  for (const [reason, { told, possible = true, happen }] of Object.entries(CAUSES)) {
    it.runIf(possible)(`has the reason \`${reason}\`, with a sentence and a time`, async () => {
      const found = degradedIn(await happen());
      expect(found[0]).toMatchObject({ reason, ...told });
      expect(found[0]?.message).toMatch(/^\S.*\S$/s);
      expect(found[0]?.atMs).toBeGreaterThanOrEqual(0);
      // A load that was not understood is of a model that nobody knows, too.
      const others = found.slice(1).map((event) => event.reason);
      expect(others).toEqual(reason === 'not-understood' ? ['unknown-model'] : []);
    });
  }

  it.each([
    ['is forced', {}, { force: true }],
    ['is only observed', { mode: 'observe' }, {}],
  ] as const)(
    'has the reason `admitted-unread` as well if a load that %s can’t be judged',
    async (_how, options, own) => {
      const { nexa, machine, events } = guardedFake(new FakeMachine(15 * GiB), options);
      machine.failsAt = 1;
      await nexa.loadModel('m', { memoryGuard: { footprint: GiB, ...own } });
      expect(degradedIn(events)).toMatchObject([{ reason: 'admitted-unread', code: 'ERR_SENSOR' }]);
    },
  );

  it('has the reason `sensor-failed` as well if the status can’t be read while a model is loaded', async () => {
    const { nexa, machine, clock, events } = guardedFake(new FakeMachine(15 * GiB));
    await nexa.loadModel('m', sized(GiB));
    machine.failsAlways = true;
    clock.advance(5000);
    expect(degradedIn(events)).toMatchObject([{ reason: 'sensor-failed', code: 'ERR_SENSOR' }]);
  });

  it('is not told of a life in which nothing fails, nor of a refusal', async () => {
    for (const { nexa, events } of [guardedFake(new FakeMachine(15 * GiB), { evict: 'idle' }), guardedReal({})]) {
      const model = await nexa.loadModel('m', sized(MiB));
      await model.generate();
      await model.dispose();
      await expect(nexa.loadModel('huge', sized(2 ** 50))).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY' });
      expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['admitted', 'loaded', 'refused']));
      expect(degradedIn(events)).toEqual([]);
    }
  });
});
