import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { describeBroken, describeMissing } from '../../src/addon/missing-addon.ts';

it('a bundle is told the lines that bring the addon, and where it was looked for', () => {
  expect(describeMissing(undefined, ['/a.node', '/b.node'])).toBe(
    "found none at /a.node or /b.node: keep the package out of the bundle by `external: ['nexa-memory-guard']` (webpack: `externals: { 'nexa-memory-guard': 'node-commonjs nexa-memory-guard' }`) and install it, or copy it beside the bundle (`cp -rL node_modules/nexa-memory-guard <folder of the bundle>/`)",
  );
  expect(describeMissing(undefined, [])).toMatch(/^found none at any place: /);
});

it('a checkout is told to build it, and an installed package that a folder of it was left out', () => {
  const installed = mkdtempSync(join(tmpdir(), 'nexa-missing-addon-'));
  onTestFinished(() => rmSync(installed, { recursive: true }));
  expect(describeMissing(fileURLToPath(new URL('../..', import.meta.url)), ['/a'])).toContain('`npm run build:native`');
  expect(describeMissing(installed, ['/a'])).toContain('its folder `prebuilds` was left out');
});

it('a broken one is told with its reason', () => {
  expect(describeBroken('It is no library.')).toBe('found one that does not serve (It is no library): mend that');
});
