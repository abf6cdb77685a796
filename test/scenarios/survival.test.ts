/** Real processes under a real limit, beside another program that takes memory: unguarded some are killed, guarded none. Runs the survival bench. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { whyNoControlGroups } from '../support/create-control-group.ts';

const BENCH = fileURLToPath(new URL('../../bench/survival/survival.mjs', import.meta.url));
const SETTING = ['--processes', '3', '--loads', '40', '--seed', '7', '--seconds', '40', '--until-killed'];

const whyNot = loadAddon()?.locks ? whyNoControlGroups() : 'the addon has no locks here';
if (whyNot) console.log(`skipped: survival under a limit, since ${whyNot}`);

/** One row of the bench. `packed`: loads that fitted by what each model truly takes; `wrong`: those of them that were refused. */
interface Row {
  readonly mode: 'guarded' | 'unguarded';
  readonly kills: number;
  readonly failed: number;
  readonly tried: number;
  readonly packed: number;
  readonly wrong: number;
}

describe.skipIf(whyNot)('processes under one limit', () => {
  let rows: Record<Row['mode'], Row>;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexa-survival-test-'));
    try {
      const json = join(folder, 'rows.json');
      const modes = ['--mode', 'guarded', '--mode', 'unguarded'];
      await promisify(execFile)(process.execPath, [BENCH, ...modes, ...SETTING, '--json', json]);
      const all = JSON.parse(readFileSync(json, 'utf8')) as Row[];
      rows = Object.fromEntries(all.map((row) => [row.mode, row])) as typeof rows;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 240_000);

  it('survive with a guard, and are let in nearly as often as by one who knows all', () => {
    const { kills, failed, tried, packed, wrong } = rows.guarded;
    expect({ kills, failed }).toEqual({ kills: 0, failed: 0 });
    expect(tried).toBeGreaterThan(15);
    expect(packed - wrong).toBeGreaterThan(0.75 * packed);
  });

  it('are killed without one', () => {
    expect(rows.unguarded.kills).toBeGreaterThan(0);
  });
});
