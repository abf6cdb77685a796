/** The examples as a new user runs them. Needs `npm run compile` and `npm run build:double`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { doubleLibrary } from '../support/nexa/libraries.ts';

function runExample(name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const file = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const options = { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], options);
  return { status, stdout, stderr };
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('nexa-memory-guard-example-'));

describe('the example', { timeout: 60_000 }, () => {
  it.each([
    ['embedded.mjs', /^llama \d.* of headroom\n/, {}],
    ['nexa.mjs', /^nexa v0\.5\.0, .* of headroom\n/, { GENIEX_LIB_PATH: doubleLibrary('geniex-0.5') }],
    ['nexa.mjs', /^nexa v1\.0\.45-rc1, .* of headroom\n/, { GENIEX_LIB_PATH: doubleLibrary('nexa-1.0') }],
  ])('%s loads, answers and tells what it took', (name, first, env) => {
    const { status, stdout, stderr } = runExample(name, [], env);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(first);
    expect(stdout).toMatch(/\n[\x21-\x7e]{60}\n1\d\d\d \+ 60 tokens at [\d.]+\/s, ended by: length\n$/);
    expect(leftovers()).toEqual([]);
  });

  it('nexa.mjs says what to install if there is no library', () => {
    const { status, stdout, stderr } = runExample('nexa.mjs', [], { GENIEX_LIB_PATH: '/nowhere' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^ERR_RUNTIME_NOT_FOUND: .*\/nowhere\. Install the Nexa SDK or its successor GenieX/);
  });

  it('runs a model of your own', () => {
    const { status, stderr } = runExample('embedded.mjs', ['/nowhere/model.gguf']);
    expect(status).toBe(1);
    expect(stderr).toContain('ERR_MODEL_FILE');
  });
});
