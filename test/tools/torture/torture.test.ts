/** `npm run torture` as CI runs it, for some seconds over each engine, and its arguments. Needs `dist/`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { whyNoControlGroups } from '../../../tools/control-groups.mjs';

const torture = fileURLToPath(new URL('../../../tools/torture/torture.mjs', import.meta.url));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [torture, ...args], { encoding: 'utf8' });
}

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('nexa-torture-'));
}

describe('the torture run', { timeout: 120_000 }, () => {
  it.each([
    ['fake', '--seed', '1', '--seeds', '3', '--seconds', '4'],
    ['memory', '--seed', '2', '--seeds', '2', '--seconds', '6'],
    ['llama', '--seed', '5', '--seconds', '9'],
  ])('finds nothing on the engine %s', (engine, ...args) => {
    const before = leftovers();
    const { status, stdout } = run('--engine', engine, ...args);
    const why = whyNoControlGroups({ version: 1, atRoot: true });
    if (engine === 'memory' && why !== undefined) expect(stdout).toContain(`skipped, since ${why}`);
    else expect(stdout).toMatch(/^[1-9]\d* steps in [1-9]\d* worlds: 0 violations/m);
    expect(status, stdout).toBe(0);
    expect(leftovers()).toEqual(before);
  });

  it('prints one line of JSON for each seed if asked', () => {
    const { stdout } = run('--engine', 'fake', '--seed', '1', '--world', '0', '--json');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.at(-1)).toMatchObject({ seed: { engine: 'fake', seed: 1, worlds: 1 } });
  });
});
