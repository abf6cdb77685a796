/**
 * Builds each target of this folder with libFuzzer and the address and undefined-behaviour sanitizers, and runs it for a while:
 * npm run fuzz -- --seconds 60 [TARGET…]. It starts from seeds that it makes of the captured trees, and keeps nothing; an input that fails
 * stays in the folder that is printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../../..');
const FIXTURES = path.join(ROOT, 'test/fixtures');
const TREES = ['v1-docker-bind', 'v2-three-levels', 'overcommit-2', 'rlimits'];
const FLAGS = [
  '-std=c++17',
  '-g',
  '-O1',
  '-pthread',
  '-fsanitize=fuzzer,address,undefined',
  '-fno-sanitize-recover=all',
];
/** An input is no longer than the largest file of the trees. */
const MOST_BYTES = 16_384;

/** Each file of the trees, as each of the five formats. @returns {readonly Buffer[]} */
function makeKernelSeeds() {
  const files = TREES.flatMap((tree) =>
    readdirSync(path.join(FIXTURES, tree), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name))),
  );
  return files.flatMap((file) => [0, 1, 2, 3, 4].map((parse) => Buffer.concat([Buffer.of(parse), file])));
}

const LINES = [
  '\x03prefix match: past_prompt_tokens size: 12, prompt_len: 30, match_len: 11\n\x04failed to decode the prompt\n',
  '\x02[plugins/llama_cpp/src/llm.cpp:274:generate] prefix match: n_past_global rollback to: 7\n',
  '\x03Context shifting - discarding 64 tokens\n',
  'v0.5.1',
  '1.0.45-rc1',
];

/** What each target is built of, and where it starts. @type {Readonly<Record<string, { sources: readonly string[], seeds: () => readonly (string | Buffer)[] }>>} */
const TARGETS = {
  'kernel-files': { sources: ['linux/fill_rows.cc'], seeds: makeKernelSeeds },
  'memory-files': { sources: ['linux/fill_rows.cc', 'linux/memory_files.cc'], seeds: makeKernelSeeds },
  'pressure-file': {
    sources: ['linux/kernel_notice.cc'],
    seeds: () => [
      'some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n',
    ],
  },
  'left-bytes': {
    sources: ['linux/left_bytes.cc'],
    seeds: () => [Buffer.alloc(21 * 8), Buffer.from(new Float64Array(42).fill(5e8).buffer)],
  },
  'library-lines': {
    sources: ['nexa/library_log.cc', 'nexa/context_lines.cc', 'nexa/layout.cc', 'nexa/process_state.cc'],
    seeds: () => LINES,
  },
  'stop-text': { sources: ['nexa/stop_text.cc'], seeds: () => ['\x03stop\0\nUser:\0So they stop\nUser: x'] },
};

/** The program, or `undefined` if it or its library for fuzzing is not installed. @param {string} folder */
function findCompiler(folder) {
  const probe = path.join(folder, 'probe.cc');
  writeFileSync(probe, 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n');
  return ['clang++', 'clang++-14'].find(
    (program) => spawnSync(program, ['-fsanitize=fuzzer', probe, '-o', path.join(folder, 'probe')]).status === 0,
  );
}

/** @param {string} compiler @param {string} folder @param {string} name @param {number} seconds @returns {boolean} */
function run(compiler, folder, name, seconds) {
  const { sources, seeds } = /** @type {(typeof TARGETS)[string]} */ (TARGETS[name]);
  const program = path.join(folder, name);
  const paths = [path.join(HERE, `${name}.cc`), ...sources.map((source) => path.join(ROOT, 'native', source))];
  const built = spawnSync(compiler, [...FLAGS, '-o', program, ...paths], { encoding: 'utf8' });
  if (built.status !== 0) {
    console.error(built.stderr);
    return false;
  }
  const corpus = path.join(folder, `${name}-seeds`);
  mkdirSync(corpus);
  for (const [at, seed] of seeds().entries()) writeFileSync(path.join(corpus, String(at)), seed);
  const limits = [`-max_total_time=${seconds}`, `-max_len=${MOST_BYTES}`, '-timeout=10', '-rss_limit_mb=1024'];
  const options = ['-print_final_stats=1', `-artifact_prefix=${path.join(folder, `${name}-`)}`];
  const { status, stderr } = spawnSync(program, [...limits, ...options, corpus], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    cwd: folder,
  });
  const executions = /number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? 'no';
  if (status !== 0) console.error(stderr.slice(-6000));
  console.log(
    `${name}: ${executions} executions in ${seconds} s, ${status === 0 ? 'nothing found' : 'an input fails'}`,
  );
  return status === 0;
}

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
const unknown = names.find((name) => !(name in TARGETS));
if (!(seconds > 0) || unknown !== undefined) {
  console.error(`usage: npm run fuzz -- [--seconds N] [${Object.keys(TARGETS).join(' ')}]`);
  process.exit(2);
}
const folder = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-fuzz-'));
const compiler = findCompiler(folder);
if (compiler === undefined) {
  console.log('skipped: there is no clang++ with libFuzzer (Debian 12: apt-get install clang-14 libclang-rt-14-dev)');
} else {
  const failed = names.filter((name) => !run(compiler, folder, name, seconds));
  if (failed.length > 0) console.error(`${failed.join(', ')}: the inputs are in ${folder}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
if (process.exitCode !== 1) rmSync(folder, { recursive: true, force: true });
