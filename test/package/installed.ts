/** What users install: the packed tarball, in an empty project, with nothing on the PATH that compiles. Needs `npm run compile` and a registry. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namePrebuildFolder } from '../../src/addon/load-addon.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));

export interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Bytes that travel, and bytes on disk. */
  readonly size: number;
  readonly unpackedSize: number;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Installed {
  readonly project = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-package-'));
  readonly packed: Packed;
  readonly tarball: string;
  /** Node and npm, and no compiler. */
  readonly #path = join(this.project, 'bin');

  constructor() {
    try {
      stageAddon();
      // The scripts would build what is built already, and the addons of all systems.
      const asked = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.project];
      [this.packed] = JSON.parse(execFileSync('npm', asked, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }));
      this.tarball = join(this.project, this.packed.filename);
      mkdirSync(this.#path);
      symlinkSync(process.execPath, join(this.#path, 'node'));
      symlinkSync(onPath('npm'), join(this.#path, 'npm'));
      writeFileSync(join(this.project, 'package.json'), JSON.stringify({ name: 'empty', private: true }));
      const { status, stderr } = this.run('npm', [
        'install',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        this.tarball,
      ]);
      if (status !== 0) throw new Error(stderr);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
    const whole = { ...process.env, PATH: this.#path, ...env };
    return spawnSync(command, args, { cwd: this.project, encoding: 'utf8', env: whole, timeout: 60_000 });
  }

  /** A program of `programs/`, in this Node or another runtime. */
  program(name: string, args: readonly string[] = [], runtime = process.execPath): Ended {
    copyFileSync(join(PROGRAMS, name), join(this.project, name));
    return this.run(runtime, [join(this.project, name), ...args]);
  }

  /** A program that is given as text. */
  text(program: string, env: NodeJS.ProcessEnv = {}): Ended {
    const file = join(this.project, 'program.mjs');
    writeFileSync(file, program);
    return this.run(process.execPath, [file], env);
  }

  /** Lets programs find the engine that this repository has. Returns the way to take it away. */
  linkEngine(): () => void {
    const engine = join('node_modules', '@fugood');
    symlinkSync(join(ROOT, engine), join(this.project, engine));
    return () => rmSync(join(this.project, engine));
  }

  remove(): void {
    rmSync(this.project, { recursive: true, force: true });
  }
}

/** Copies the addon that was built for this machine to where the tarball has it. What prebuild.mjs has made since then stays. */
function stageAddon(): void {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const musl = header.glibcVersionRuntime === undefined;
  const folder = join(ROOT, 'prebuilds', namePrebuildFolder(process.platform, process.arch, musl));
  const built = join(ROOT, 'build', 'Release', 'nexa_memory_guard.node');
  const staged = join(folder, 'nexa-memory-guard.node');
  if (existsSync(staged) && statSync(staged).mtimeMs >= statSync(built).mtimeMs) return;
  mkdirSync(folder, { recursive: true });
  copyFileSync(built, staged);
}

function onPath(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`Expected ${name} on the PATH, found none.`);
  return found;
}
