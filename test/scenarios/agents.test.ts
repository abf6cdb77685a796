/** Workers of an agent that each load an embedder at boot, in one real v1 group: some are killed without the guard, and none with it. Needs `dist/`. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { writeModel } from '../../tools/architectures.mjs';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`Agents are not run under a limit: ${noControlGroups}.`);

const WORKER = fileURLToPath(new URL('../../bench/agents/worker.mjs', import.meta.url));
const WORKERS = 6;

let folder: string;
let model: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-agents-'));
  model = join(folder, 'embedder.gguf');
  // 192 MiB of cache for 2048 tokens.
  const shape = { hidden: 1024, layers: 24, heads: 16, kvHeads: 16, headLength: 64, ffn: 512, vocab: 2048 };
  writeModel(model, { architecture: 'qwen3', ...shape, tied: true, pooling: 3, type: 'Q8_0' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How each of them ended. */
async function runWorkers(mode: 'plain' | 'wrapped'): Promise<readonly (number | string)[]> {
  const group = createControlGroup(1280 * MiB);
  const env = { ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder };
  const command = [process.execPath, WORKER, model, mode, '2048', '3000'];
  return Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const [code, signal] = await once(group.spawn(command, { env, stdio: 'ignore' }), 'exit');
      return code ?? signal;
    }),
  );
}

describe.skipIf(noControlGroups !== undefined)('workers that load an embedder at boot', { timeout: 300_000 }, () => {
  it('are killed in part where each loads when it likes', async () => {
    expect(await runWorkers('plain')).toContain('SIGKILL');
  });

  it('are all served where each waits for memory', async () => {
    expect(await runWorkers('wrapped')).toEqual(Array(WORKERS).fill(0));
  });
});
