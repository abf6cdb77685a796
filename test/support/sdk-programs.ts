/** Runs small programs over the compiled SDK, each from a file of its own, as users do: a worker can be started from it. Needs `lib/`. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ended, type RunOptions, runNode } from './run-program.ts';

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));

export interface SdkPrograms {
  /** `body` is JavaScript with top-level `await`, `NexaSDK` and `folder` in scope, and all that was compiled in `../lib`. */
  run(body: string, options?: RunOptions & { readonly addon?: boolean }): Promise<Ended>;
  close(): void;
}

/** Makes a folder for programs about the models of another folder. */
export function createSdkPrograms(folder: string): SdkPrograms {
  const home = mkdtempSync(join(tmpdir(), 'nexa-sdk-programs-'));
  symlinkSync(LIB, join(home, 'lib'));
  mkdirSync(join(home, 'programs'));
  const head = `import { NexaSDK } from '../lib/sdk/nexa-sdk.js';\nconst folder = ${JSON.stringify(folder)};\n`;
  let count = 0;
  return {
    run(body, { addon = true, env, ...options } = {}) {
      const file = join(home, 'programs', `${count++}.mjs`);
      writeFileSync(file, `${head}${body}\n`);
      return runNode([file], { ...options, env: { NEXA_MEMORY_GUARD_ADDON: addon ? '' : 'off', ...env } });
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  };
}
