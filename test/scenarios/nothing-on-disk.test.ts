/**
 * What a guarded load leaves on disk, for a user of its own with folders of its own: what docs/on-disk.md lists, and nothing where all of it is
 * turned off. Needs `npm run compile`, and root, to become that user.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const DOOR = new URL('../../dist/index.js', import.meta.url);
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Of nobody: it has no home, so that its ledger lies in one of these. */
const UID = 54_321;
const LEDGERS = ['/dev/shm', '/tmp'].map((parent) => `${parent}/nexa-memory-guard-${UID}`);

/** Why no program can be run as this user. `undefined`: one can. */
function whyNot(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'that takes root, on Linux';
  try {
    execFileSync(process.execPath, [MAIN, '--version'], { uid: UID, gid: UID, stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `user ${UID} can't run it: ${String((error as Error).message).split('\n', 1)[0]}`;
  }
}

const reason = whyNot();
if (reason) console.log(`skipped: what a load leaves on disk, since ${reason}`);

const PROGRAM = `
  import { NexaSDK, withMemoryGuard } from ${JSON.stringify(DOOR.href)};
  const [, , modelPath, off] = process.argv;
  const sdk = await NexaSDK.initialize({ runtime: 'llama', ...(off && { containment: 'off' }) });
  const nothing = off && { ledger: 'process', calibration: 'off', askEngine: false };
  const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0, ...nothing });
  const model = await nexa.loadModel(modelPath, { contextSize: 256 });
  for await (const _ of model.generate({ prompt: 'Hi', maxTokens: 4 }));
  await model.dispose();
  await nexa.dispose();
  nexa.guard.close();`;

describe.skipIf(reason)('a guarded load', { timeout: 60_000 }, () => {
  let models: TinyModels;
  let root: string;
  beforeAll(() => {
    models = makeTinyModels();
    chmodSync(models.folder, 0o755);
  });
  afterAll(() => models.remove());

  beforeEach(() => {
    for (const ledger of LEDGERS) rmSync(ledger, { recursive: true, force: true });
    root = mkdtempSync(join(tmpdir(), 'nexa-on-disk-'));
    for (const name of ['home', 'cache', 'state', 'run', 'tmp']) mkdirSync(join(root, name));
    for (const path of ['', 'home', 'cache', 'state', 'run', 'tmp']) chownSync(join(root, path), UID, UID);
    return () => {
      for (const path of [root, ...LEDGERS]) rmSync(path, { recursive: true, force: true });
    };
  });

  /** Runs a program as that user, and lists what is there afterwards. */
  function run(...args: readonly string[]): string[] {
    const at = (name: string) => join(root, name);
    const folders = { HOME: at('home'), XDG_CACHE_HOME: at('cache'), XDG_STATE_HOME: at('state') };
    const env = { PATH: process.env['PATH'], ...folders, XDG_RUNTIME_DIR: at('run'), TMPDIR: at('tmp') };
    const options = { cwd: at('home'), encoding: 'utf8', env, uid: UID, gid: UID, timeout: 30_000 } as const;
    const { status, stderr } = spawnSync(process.execPath, args, options);
    expect(status, stderr).toBe(0);
    const made = readdirSync(root, { recursive: true, withFileTypes: true });
    const inFolders = made.filter((entry) => entry.isFile()).map(({ parentPath }) => parentPath.slice(root.length + 1));
    return [...new Set(inFolders), ...LEDGERS.filter((ledger) => existsSync(ledger))].sort();
  }

  function write(program: string): string {
    const file = join(models.folder, 'program.mjs');
    writeFileSync(file, program);
    return file;
  }

  it('leaves a ledger, what it took, and what the engine said', () => {
    expect(run(write(PROGRAM), models.model())).toEqual([
      '/dev/shm/nexa-memory-guard-54321',
      'cache/nexa-memory-guard/engine-answers',
      'cache/nexa-memory-guard/observations-1',
    ]);
  });

  it('leaves no file where everything is turned off', () => {
    expect(run(write(PROGRAM), models.model(), 'off')).toEqual([]);
  });

  it('of the command line leaves files as well, and none with `--write-nothing`', () => {
    const words = [MAIN, 'run', models.model(), '--prompt', 'Hi', '--max-tokens', '4', '--context', '256', '--force'];
    expect(run(...words)).toHaveLength(3);
    for (const path of [join(root, 'cache/nexa-memory-guard'), ...LEDGERS])
      rmSync(path, { recursive: true, force: true });
    expect(run(...words, '--write-nothing')).toEqual([]);
    expect(run(MAIN, 'plan', models.model(), '--write-nothing')).toEqual([]);
    expect(run(MAIN, 'doctor', '--write-nothing')).toEqual([]);
    expect(run(MAIN, 'watch', '--count', '1', '--write-nothing')).toEqual([]);
  });
});
