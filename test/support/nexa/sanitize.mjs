// Compiles native/nexa and the double with a sanitizer and runs them:   node test/support/nexa/sanitize.mjs thread|address
// Both run core.cc without Node, and then programs in Node on an addon and a double that are instrumented: `address` all of
// torture.mjs, `thread` its workers that are terminated, of which TERMINATIONS=1000 is the long run. What a sanitizer finds ends this with its report and a code that isn't 0. Needs dist/.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listSources } from '../../../native/build/sources.mjs';
import { writeAudioProjector, writeLanguageModel, writeTone } from '../../../tools/synthetic-model.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../../..');
const LAYOUTS = [
  { name: 'nexa_1_0', number: 10, version: 'v1.0.45' },
  { name: 'geniex_0_3', number: 3, version: 'v0.4.0' },
  { name: 'geniex_0_5', number: 5, version: 'v0.5.0' },
];
const SANITIZERS = {
  thread: ['-O1', '-fsanitize=thread'],
  address: ['-O0', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
};
const FLAGS = ['-std=c++17', '-g', '-fno-omit-frame-pointer', '-fPIC', '-pthread', '-fvisibility=hidden'];

const kind = /** @type {keyof typeof SANITIZERS} */ (process.argv[2]);
if (!(kind in SANITIZERS)) {
  console.error('usage: node test/support/nexa/sanitize.mjs thread|address');
  process.exit(2);
}
const folder = mkdtempSync(path.join(tmpdir(), `nexa-${kind}-`));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const at = (/** @type {string} */ name) => path.join(folder, name);

/** Two at a time. @param {readonly { output: string, args: readonly string[] }[]} targets */
async function compile(targets) {
  const left = [...targets];
  const work = async () => {
    for (let target = left.shift(); target; target = left.shift()) {
      const args = [...FLAGS, ...SANITIZERS[kind], ...target.args, '-o', target.output, '-ldl'];
      await promisify(execFile)('g++', args);
    }
  };
  await Promise.all([work(), work()]);
}

/** @param {string} below */
function sources(below) {
  const names = readdirSync(path.join(ROOT, below)).filter((name) => name.endsWith('.cc'));
  return names.map((name) => path.join(ROOT, below, name));
}

/** @param {string} what @param {string} program @param {readonly string[]} args @param {NodeJS.ProcessEnv} env */
function run(what, program, args, env = {}) {
  const startMs = performance.now();
  const options = {
    TSAN_OPTIONS: 'halt_on_error=1 second_deadlock_stack=1',
    ASAN_OPTIONS: 'abort_on_error=0 detect_leaks=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  // Address space layout that is more random than the sanitizers of this compiler know.
  const { status, signal } = spawnSync('setarch', ['-R', program, ...args], {
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '', ...options, ...env },
  });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${kind} sanitizer, ${what}: ${status === 0 ? 'clean' : `failed (${status ?? signal})`} in ${seconds} s`);
  if (status !== 0) process.exit(1);
}

const model = at('model.gguf');
writeLanguageModel(model, { hidden: 256, layers: 1, heads: 4, kvHeads: 4, ffn: 256, vocab: 512, quantization: 'Q4_0' });
writeAudioProjector(at('mmproj.gguf'), { width: 32, layers: 1, heads: 2, ffn: 64, projection: 256, type: 'F16' });
writeTone(at('tone.wav'), 1);

const doubles = LAYOUTS.map(({ name, number, version }) => ({
  output: at(`${name}.so`),
  args: [
    '-shared',
    `-DDOUBLE_LAYOUT=${number}`,
    `-DDOUBLE_VERSION="${version}"`,
    ...sources('test/support/nexa/double'),
  ],
}));
const libraries = doubles.map(({ output }) => output);
const os = path.join(ROOT, 'native/posix/nexa_os.cc');
const core = {
  output: at('core'),
  args: [path.join(HERE, 'core/core.cc'), path.join(HERE, 'core/contexts.cc'), ...sources('native/nexa'), os],
};
const home = at('package');
const addon = () => ({
  output: path.join(home, 'build/Release/nexa_memory_guard.node'),
  args: [
    '-shared',
    '-DNAPI_VERSION=8',
    '-DNODE_GYP_MODULE_NAME=nexa_memory_guard',
    '-DBUILDING_NODE_EXTENSION',
    `-isystem${nodeHeaders()}`,
    '-Wl,-z,nodelete',
    ...listSources('linux').map((file) => path.join(ROOT, file)),
  ],
});

mkdirSync(path.join(home, 'build/Release'), { recursive: true });
for (const shared of ['dist', 'node_modules', 'package.json'])
  symlinkSync(path.join(ROOT, shared), path.join(home, shared));
await compile([addon(), core, ...doubles]);
run('the loader by itself', core.output, [model, at('mmproj.gguf'), at('tone.wav'), ...libraries]);

/** Workers that `terminations` ends here: each takes some 0.3 s. */
const TERMINATIONS = process.env['TERMINATIONS'] ?? '30';
const preload = execFileSync('g++', [`-print-file-name=lib${kind === 'thread' ? 'tsan' : 'asan'}.so`], {
  encoding: 'utf8',
}).trim();
const program = path.join(HERE, 'torture.mjs');
for (const work of kind === 'thread' ? ['terminations'] : ['texts', 'workers', 'terminations', 'garbage', 'exit']) {
  for (const library of work === 'texts' ? libraries : libraries.slice(-1)) {
    const what = `${work} in Node on ${path.basename(library, '.so')}`;
    run(what, process.execPath, ['--expose-gc', '--preserve-symlinks', program, work, home, library, folder], {
      TERMINATIONS,
      LD_PRELOAD: preload,
      // V8 lets go of nothing at its end, so leaks are looked for without Node.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0',
      // Node itself is not instrumented, so its own locks are not seen.
      TSAN_OPTIONS: 'halt_on_error=1 second_deadlock_stack=1 ignore_noninstrumented_modules=1',
    });
  }
}

/** Where node-gyp put this version's headers, or where Node was installed with them. */
function nodeHeaders() {
  const installed = path.join(path.dirname(path.dirname(process.execPath)), 'include', 'node');
  const cache = path.join(process.env['HOME'] ?? '', '.cache/node-gyp', process.versions.node, 'include/node');
  for (const candidate of [cache, installed]) {
    try {
      readdirSync(candidate);
      return candidate;
    } catch {}
  }
  throw new Error(`no headers of Node ${process.versions.node} in ${cache} or ${installed}: npm run build:native`);
}
