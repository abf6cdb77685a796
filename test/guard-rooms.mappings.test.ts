/** A guard over the real machine whose mappings can't be read any more. In a file of its own: the addon, too, has such a descriptor open once it has metered a load. */
import { closeSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { MiB } from '../src/core/bytes.ts';
import { withMemoryGuard } from '../src/with-memory-guard.ts';
import { FakeSDK, recordEvents } from './support/fake-sdk.ts';

/** Closes a descriptor of the reader, as a program does that closes descriptors which it does not know. */
const closeStatm = () => {
  const own = readdirSync('/proc/self/fd').find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/statm');
    } catch {
      return false;
    }
  });
  if (own !== undefined) closeSync(Number(own));
  return own !== undefined;
};

it.runIf(process.platform === 'linux')('mappings that cannot be read degrade a load and fail none', async () => {
  let closed = false;
  const sdk = new FakeSDK();
  sdk.during = () => {
    closed ||= closeStatm();
  };
  const directory = mkdtempSync(join(tmpdir(), 'nexa-guard-mappings-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const nexa = withMemoryGuard(sdk, { minFreeRatioAfterLoad: 0, minFreeBytes: 0, ledger: { directory } });
  const { guard } = nexa;
  const events = recordEvents(guard);
  const types = () => events.map(({ type }) => type);
  const load = () => nexa.loadModel('m', { memoryGuard: { footprint: { mappedBytes: 5 * MiB, anonymousBytes: 0 } } });
  const during = await load(); // readable before the SDK's own call, not after it
  expect(closed).toBe(true);
  expect(types()).toEqual(['admitted', 'degraded', 'loaded']);
  expect(events[1]).toMatchObject({
    reason: 'sensor-failed',
    code: 'ERR_SENSOR',
    message: expect.stringContaining('statm'),
  });
  expect(guard.models()).toHaveLength(1);
  expect(guard.status().availableBytes - guard.headroomBytes()).toBeGreaterThanOrEqual(4 * MiB); // the promise stands
  await during.dispose();
  guard.close();
});
