/**
 * Holds every C++ file of this repository to `.clang-format`: `npm run lint:native`; `npm run lint:native -- --write` formats them. Other
 * versions of clang-format break lines differently, so it is skipped, with one line that says why, if version 14 is not installed.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAJOR = 14;
const FOLDERS = ['native', 'test/native', 'test/support/nexa'];

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @returns {string[]} */
function listFiles() {
  return FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(cc|h)$/.test(name) && !name.split(path.sep).includes('build'))
      .map((name) => path.join(folder, name)),
  );
}

/** Returns the program, or says what was found instead. @returns {{ program: string } | { reason: string }} */
function findProgram() {
  let reason = 'it is not installed (Debian 12: apt-get install clang-format-14)';
  for (const program of [`clang-format-${MAJOR}`, 'clang-format']) {
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    const version = status === 0 ? /version (\d+)\.\S*/.exec(stdout) : null;
    if (version?.[1] === String(MAJOR)) return { program };
    if (version) reason = `${program} is ${version[0]}`;
  }
  return { reason };
}

const found = findProgram();
if ('reason' in found) {
  console.log(`The format of C++ files is not checked: it takes clang-format ${MAJOR}, and ${found.reason}.`);
} else {
  const files = listFiles();
  const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
  const { status } = spawnSync(found.program, ['--style=file', ...mode, ...files], { cwd: root, stdio: 'inherit' });
  if (status === 0) console.log(`clang-format: ${files.length} C++ files.`);
  else console.error('Some C++ files are not formatted: npm run lint:native -- --write');
  process.exitCode = status === 0 ? 0 : 1;
}
