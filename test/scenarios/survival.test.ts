/** Real processes under a real limit, beside another program that takes memory: unguarded some are killed, guarded none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureTruths, runMode } from '../../bench/survival/run.mjs';
import { MODELS, writeModels } from '../../bench/survival/setting.mjs';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { whyNoControlGroups } from '../support/control-group.ts';

const whyNot = loadAddon()?.locks ? whyNoControlGroups() : 'the addon has no locks here';
if (whyNot) console.log(`skipped: survival under a limit, since ${whyNot}`);

describe.skipIf(whyNot)('processes under one limit', () => {
  let folder: string;
  let truthOf: Awaited<ReturnType<typeof measureTruths>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'nexa-survival-test-'));
    writeModels(folder);
    truthOf = await measureTruths(folder, MODELS);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (mode: 'guarded' | 'unguarded', loads: number) =>
    runMode({ mode, processes: 3, loads, seed: 7, folder, truthOf, mostMs: 40_000, untilKilled: mode === 'unguarded' });

  it('survive with a guard, and are let in nearly as often as by one who knows all', async () => {
    const { kills, failed, tried, packed, wrong } = await run('guarded', 40);
    expect({ kills, failed }).toEqual({ kills: 0, failed: 0 });
    expect(tried).toBeGreaterThan(15);
    expect(packed - wrong).toBeGreaterThan(0.75 * packed);
  }, 90_000);

  it('are killed without one', async () => {
    expect((await run('unguarded', 500)).kills).toBeGreaterThan(0);
  }, 90_000);
});
