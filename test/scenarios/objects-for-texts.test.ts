/** Objects wherever a text is expected, and thrown in place of errors: no sentence of the package may say "[object Object]" or a need of 0 B. */
import { expect, it } from 'vitest';
import {
  createMemoryGuard,
  estimateFootprint,
  GiB,
  NexaSDK,
  Qwen2MemoryManager,
  readMemory,
  withMemoryGuard,
} from '../../src/index.ts';
import { recordEvents } from '../support/fake-sdk.ts';

const OBJECTS: readonly (readonly [string, unknown])[] = [
  ['an empty object', {}],
  ['a nested object', { a: { b: {} } }],
  ['a list of objects', [{}]],
  ['a map', new Map([[{}, {}]])],
  ['an object without a prototype', Object.create(null)],
  ['an error made with an object', new Error({} as string)],
  ['an object that prints itself so', { toString: () => '[object Object]' }],
  ['a symbol', Symbol('s')],
];

const GUARD_OPTIONS = [
  'mode',
  'minFreeBytes',
  'floor',
  'ledger',
  'evict',
  'keepAliveMs',
  'clock',
  'adapter',
  'calibration',
];
const LOAD_OPTIONS = ['quantization', 'contextSize', 'memoryGuard', 'kvCacheType'];
const OWN_OPTIONS = ['footprint', 'wait', 'signal', 'pin', 'floor', 'force'];

it.each(OBJECTS)('%s is told in words wherever it is given or thrown', async (_what, value) => {
  const said: string[] = [];
  const note = async (run: () => unknown) => {
    try {
      await run();
    } catch (error) {
      // What an SDK throws passes through unchanged: it is not this package that says it.
      if (error !== value) said.push((error as Error).message);
    }
  };
  const rules = { minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process' } as const;
  const sensor = () => ({ totalBytes: 8 * GiB, availableBytes: 3 * GiB });
  for (const name of GUARD_OPTIONS) await note(() => createMemoryGuard({ [name]: value }).close());
  const sdk = {
    async loadModel(name: string, _options?: object): Promise<object> {
      if (name === 'throws') throw value;
      return {
        async dispose() {
          throw value;
        },
      };
    },
  };
  const given = value as never;
  const { guard, loadModel } = withMemoryGuard(sdk, { ...rules, sensor, evict: 'idle', unknownModels: 'admit' });
  const events = recordEvents(guard);
  await note(() => loadModel(given));
  await note(() => loadModel('m', given));
  for (const name of LOAD_OPTIONS) await note(() => loadModel('qwen2audio', { [name]: value }));
  for (const name of OWN_OPTIONS) await note(() => loadModel('m', { memoryGuard: { [name]: value } }));
  for (const name of ['throws', 'unknown']) await note(() => loadModel(name));
  const wait = { timeoutMs: 20 };
  for (const name of ['idle', 'evicting'])
    await note(() => loadModel(name, { memoryGuard: { footprint: 2 * GiB, wait } }));
  await note(() => guard.load({ name: given }, () => ({})));
  await note(() => guard.load({ name: 'm', footprint: 1 }, given));
  await note(() => guard.spawn(given, [], {} as never));
  await note(() => guard.plan(given, given, given));
  await note(() => guard.on(given, given));
  guard.close();
  const blind = withMemoryGuard(sdk, {
    ...rules,
    sensor: () => {
      throw value;
    },
  });
  events.push(...recordEvents(blind.guard));
  await note(() => blind.loadModel('m', { memoryGuard: { footprint: 1 } }));
  blind.guard.close();
  const adapter = {
    readRequest: () => {
      throw value;
    },
  };
  const misread = withMemoryGuard(sdk, { ...rules, adapter });
  await note(() => misread.loadModel('m'));
  misread.guard.close();
  await note(() => NexaSDK.initialize({ runtime: given }));
  await note(() => NexaSDK.initialize({ modelsDir: given }));
  await note(() => readMemory({ root: given }));
  await note(() => estimateFootprint({ modelPath: given }));
  await note(() => new Qwen2MemoryManager({ sensor: () => given }).canLoadModel(given));
  const told = [...said, ...events.map(({ message }) => message)];
  expect(told.length).toBeGreaterThan(25);
  for (const message of told) {
    expect(message).toMatch(/\S/);
    expect(message).not.toMatch(/\[object |\b0 B\b/);
  }
});
