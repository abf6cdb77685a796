/**
 * Builds all addons once more, in another folder and with an empty cache, and compares them with those in `prebuilds/`, byte by byte:
 * `node test/other-systems/reproduce.mjs [TARGET…]`. Takes as long as a first `npm run prebuild`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../../native/build/targets.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-reproduce-'));
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : TARGETS.map(({ name }) => name);

try {
  const env = {
    ...process.env,
    PREBUILDS_DIR: path.join(work, 'prebuilds'),
    ZIG_GLOBAL_CACHE_DIR: path.join(work, 'cache'),
  };
  execFileSync(process.execPath, [path.join(root, 'native', 'build', 'prebuild.mjs'), ...names], {
    env,
    stdio: 'ignore',
  });
  const addon = (/** @type {string} */ folder, /** @type {string} */ name) =>
    readFileSync(path.join(folder, 'prebuilds', name, 'nexa-memory-guard.node'));
  const different = names.filter((name) => !addon(root, name).equals(addon(work, name)));
  for (const name of different) console.log(`${name} has other bytes when it is built again`);
  console.log(
    `reproducible      ${names.length - different.length} passed, ${different.length} failed: the same bytes twice`,
  );
  process.exitCode = different.length === 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
