/** What users install: the packed tarball, in an empty project. Needs `npm run build` and a package registry. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TARGETS } from '../native/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-package-'));
let packed: { filename: string; files: { path: string }[]; unpackedSize: number };

function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function run(program: string, env: NodeJS.ProcessEnv = {}): { status: number | null; stdout: string; stderr: string } {
  const file = path.join(project, 'program.mjs');
  writeFileSync(file, program);
  return spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8', env: { ...process.env, ...env } });
}

describe('the packed tarball', { timeout: 120_000 }, () => {
  beforeAll(() => {
    execFileSync(process.execPath, [path.join(root, 'native/stage.mjs')]);
    [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', project], root));
    writeFileSync(path.join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true }));
    npm(['install', '--no-audit', '--no-fund', path.join(project, packed.filename)], project);
  }, 120_000);
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('holds the built package, README and licence, and nothing that would make npm compile', () => {
    const files = packed.files.map((file) => file.path);
    expect(files).toContain('dist/index.js');
    expect(files).toContain('dist/index.d.ts');
    expect(files).toContain('README.md');
    expect(files).toContain('LICENSE');
    const prebuilt = files.filter((file) => file.startsWith('prebuilds/'));
    const known = TARGETS.map(({ name }) => `prebuilds/${name}/nexa-memory-guard.node`);
    expect(prebuilt.length).toBeGreaterThan(0);
    expect(prebuilt.filter((file) => !known.includes(file))).toEqual([]);
    expect(files.filter((file) => /binding\.gyp|^(src|native|test|bench|examples|build)\//.test(file))).toEqual([]);
    expect(packed.unpackedSize).toBeLessThan(8 * 2 ** 20);
  });

  it.each(['on', 'off'])('guards an SDK without an engine, its addon %s', (addon) => {
    const program = `
      import { readMemory, withMemoryGuard } from 'nexa-memory-guard';
      const sdk = { loadModel: async () => ({ dispose() {} }) };
      const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
      const model = await nexa.loadModel('qwen2audio', { memoryGuard: { footprint: '1 MiB' } });
      console.log(model.quantization, nexa.guard.models().length, readMemory().source);
      await model.dispose();
      console.log(nexa.guard.models().length);
    `;
    const { status, stdout, stderr } = run(program, { NEXA_MEMORY_GUARD_ADDON: addon });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const source = process.platform !== 'linux' ? 'node' : addon === 'on' ? 'native' : 'procfs';
    expect(stdout).toMatch(new RegExp(`^Q\\w+ 1 ${source}\\n0\\n$`));
  });

  it('brings the command line, which plans without any runtime and says what is missing', () => {
    const program = path.join(project, 'node_modules', '.bin', 'nexa-memory-guard');
    const call = (...words: string[]) =>
      spawnSync(program, words, { cwd: project, encoding: 'utf8', shell: process.platform === 'win32' });
    expect(call('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
    const plan = call('plan', 'qwen2audio', '--memory', '16GiB', '--json');
    expect([plan.status, plan.stderr]).toEqual([0, '']);
    expect(JSON.parse(plan.stdout)).toMatchObject({ decision: { quantization: 'Q4_K_M' }, fromTable: true });
    const doctor = call('doctor', '--json');
    expect(doctor.status).toBe(0);
    expect(JSON.parse(doctor.stdout).advice).toContainEqual(expect.stringMatching(/npm install @fugood\/llama\.node/));
    expect(call('run', 'qwen2audio', '--prompt', 'Hi').status).toBe(5);
  });

  it('measures where neither metrics library is installed, and says what it can measure with', () => {
    const { status, stdout, stderr } = run(`
      import { withMemoryGuard } from 'nexa-memory-guard';
      import { guardMetrics } from 'nexa-memory-guard/metrics';
      const { guard } = withMemoryGuard({ loadModel() {} });
      try { guardMetrics(guard, {}); } catch (error) { console.log(error.code, error.message); }
      guard.close();
    `);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^ERR_INVALID_OPTION Expected the module `prom-client`, or a meter/);
  });

  it('says what to install where the engine is missing', () => {
    const { status, stdout } = run(`
      import { NexaSDK } from 'nexa-memory-guard';
      await NexaSDK.initialize().catch((error) => console.log(error.code, error.message));
    `);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ERR_RUNTIME_NOT_FOUND .*npm install @fugood\/llama\.node/);
  });
});
