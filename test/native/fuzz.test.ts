/** The native parsers under libFuzzer for a moment each; `npm run fuzz -- --seconds 600` is the long form. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runNode } from '../support/run-program.ts';

const PROGRAM = fileURLToPath(new URL('fuzz/fuzz.mjs', import.meta.url));
const SECONDS = 3;

it.runIf(process.platform === 'linux')(
  'no input makes a native parser read behind its end, hang or contradict itself',
  { timeout: 300_000 },
  async ({ skip }) => {
    const { code, stdout, stderr } = await runNode([PROGRAM, '--seconds', String(SECONDS)], { timeoutMs: 290_000 });
    if (stdout.startsWith('skipped')) {
      console.log(stdout.trim());
      skip(stdout);
    }
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/^[\w-]+: [1-9]\d* executions in \d+ s, nothing found$/gm)).toHaveLength(6);
  },
);
