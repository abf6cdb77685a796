/** A worker that is terminated while it calls the addon ends, and the process goes on. Needs `npm run build:double`. */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { doubleLibrary } from '../support/nexa/libraries.ts';
import { runNode } from '../support/run-program.ts';
import { makeTinyModels } from '../support/tiny-models.ts';

const PROGRAM = fileURLToPath(new URL('../support/addon/terminated-workers.mjs', import.meta.url));
const BUILT = fileURLToPath(new URL('../../build/Release/nexa_memory_guard.node', import.meta.url));
/** One aborted after 2 to 20 of them where a function converted its arguments. */
const WORKERS = 60;

const there = loadAddon() !== undefined && process.platform === 'linux';
if (!there) console.warn('Workers that call the addon are not terminated: it is not built, or this is no Linux.');

it.skipIf(!there)(
  'workers that call every function of the addon can be terminated at any moment',
  { timeout: 90_000 },
  async () => {
    const files = makeTinyModels();
    copyFileSync(files.model(), files.path('model.gguf'));
    try {
      const args = [PROGRAM, BUILT, String(WORKERS), '20261129', doubleLibrary(), files.folder];
      const ended = await runNode(args, { timeoutMs: 80_000 });
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(ended.stdout).toMatch(new RegExp(`^${WORKERS} workers terminated`));
    } finally {
      files.remove();
    }
  },
);
