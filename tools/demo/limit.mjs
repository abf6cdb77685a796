/** The limit that the demo lives under, so that the step below the asked one just fits. It loads nothing. */
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { MiB, readMemory, withMemoryGuard } from 'nexa-memory-guard';
import { CONTEXT } from './files.mjs';

/**
 * Limits this process so that the step below the asked one just fits: at full size Q4_0, else Q4_K_M.
 * @param {import('nexa-memory-guard').NexaSDK} sdk @param {import('./files.mjs').Files} files @param {number} minFreeBytes
 * @param {string | undefined} limitFile
 */
export async function setLimit(sdk, files, minFreeBytes, limitFile) {
  const { guard } = withMemoryGuard(sdk, { ledger: 'process' });
  const options = { contextSize: CONTEXT, projectorPath: files.projector, quantization: 'Q5_K_M' };
  const { candidates } = await guard.plan(files.name, options);
  guard.close();
  const [best = 0, middle = 0, least = 0] = candidates.map(({ need }) => need.mappedBytes + need.anonymousBytes);
  const headroomBytes =
    minFreeBytes + (middle - least > 32 * MiB ? (middle + least) / 2 : middle + 0.75 * (best - middle));
  const usedBytes = limitFile ? await settleGroupBytes() : readOwnBytes();
  const totalBytes = Math.round(headroomBytes + usedBytes);
  if (limitFile) writeFileSync(limitFile, String(totalBytes));
  return { totalBytes };
}

/** If no real limit may be set: the same arithmetic over this process and another program. @param {number} totalBytes @param {number} otherBytes */
export function readInjected(totalBytes, otherBytes) {
  return { totalBytes, availableBytes: Math.max(0, totalBytes - readOwnBytes() - otherBytes) };
}

/** The process that asked the engine for the plan is in the group too, and it is just ending: what is left when nothing comes back any more. */
async function settleGroupBytes() {
  let leastBytes = readGroupBytes();
  for (let still = 0; still < 5; still += 1) {
    await setTimeout(100);
    const bytes = readGroupBytes();
    if (bytes < leastBytes - MiB) still = 0;
    leastBytes = Math.min(leastBytes, bytes);
  }
  return leastBytes;
}

/** What the group of this process holds and can't give back. */
function readGroupBytes() {
  const own = readMemory().scopes.at(-1);
  if (own?.usedBytes === undefined) throw new Error("The demo's group does not tell what it holds.");
  return own.usedBytes - own.reclaimableBytes;
}

/** What this process holds besides mapped files, as far as every system says. */
function readOwnBytes() {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}
