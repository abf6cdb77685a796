/**
 * Builds the addons of all eight systems into `prebuilds/`: `npm run prebuild`, or `npm run prebuild -- linux-arm64 win32-x64`.
 * The compiler is zig, whose npm package is installed below native/build/toolchain on the first run (400 MB). The same sources give
 * the same bytes, wherever they lie and whenever they are built.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listSources } from './sources.mjs';
import { listCompileFlags, listLinkFlags, TARGETS } from './targets.mjs';
import { installToolchain, packages, zig } from './zig.mjs';

/** @typedef {import('./targets.mjs').Target} Target */

const root = fileURLToPath(new URL('../..', import.meta.url));

const asked = process.argv.slice(2);
const unknown = asked.find((name) => TARGETS.every((target) => target.name !== name));
if (unknown !== undefined) {
  console.error(`Expected names of ${TARGETS.map(({ name }) => name).join(', ')}, got ${unknown}.`);
  process.exit(1);
}

/** Everything that is compiled lies here, under names that are the same on every machine. */
const work = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-prebuild-'));

function layOut() {
  cpSync(path.join(root, 'native'), path.join(work, 'native'), {
    recursive: true,
    filter: (from) => from !== path.join(root, 'native', 'build'),
  });
  cpSync(path.join(packages, 'node-api-headers', 'include'), path.join(work, 'headers'), { recursive: true });
  writeFileSync(
    path.join(work, 'exports.map'),
    '{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };\n',
  );
}

/** Node's own functions as node.exe exports them. @param {Target} target */
function importLibrary({ arch }) {
  const name = `node-${arch}.lib`;
  const definitions = ['js_native_api', 'node_api'].map((file) =>
    readFileSync(path.join(packages, 'node-api-headers', 'def', `${file}.def`), 'utf8').replace(
      /^NAME .*\n|^EXPORTS\n/gm,
      '',
    ),
  );
  writeFileSync(path.join(work, 'node.def'), `NAME node.exe\nEXPORTS\n${definitions.join('\n')}`);
  zig(['dlltool', '-d', 'node.def', '-l', name, '-m', arch === 'x64' ? 'i386:x86-64' : 'arm64'], work);
  return name;
}

/** @param {Target} target */
function build(target) {
  const imports = target.platform === 'win32' ? importLibrary(target) : '';
  const output = `${target.name}.node`;
  const args = [
    'c++',
    '-target',
    target.zig,
    '-shared',
    '-s',
    ...listCompileFlags(target),
    '-isystem',
    'headers',
    ...listSources(target.platform),
    ...listLinkFlags(target, { exports: 'exports.map', imports }),
    '-o',
    output,
  ];
  zig(args, work);
  const folder = path.join(process.env['PREBUILDS_DIR'] ?? path.join(root, 'prebuilds'), target.name);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'nexa-memory-guard.node');
  cpSync(path.join(work, output), file);
  console.log(`${target.name.padEnd(17)} ${String(statSync(file).size).padStart(7)} bytes`);
}

try {
  installToolchain();
  layOut();
  for (const target of TARGETS) if (asked.length === 0 || asked.includes(target.name)) build(target);
} finally {
  rmSync(work, { recursive: true, force: true });
}
