/** Copies the addon that was built for this machine into `prebuilds/`, which the tarball holds. */
import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
  /** @type {unknown} */ (process.report.getReport())
);
const musl = process.platform === 'linux' && header.glibcVersionRuntime === undefined ? '-musl' : '';
const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}${musl}`);

const built = path.join(root, 'build', 'Release', 'nexa_memory_guard.node');
const staged = path.join(folder, 'nexa-memory-guard.node');
// What prebuild.mjs has made since then stays.
if (!existsSync(staged) || statSync(staged).mtimeMs < statSync(built).mtimeMs) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(built, staged);
  console.log(`staged ${path.relative(root, folder)}`);
}
