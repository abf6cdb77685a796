/** Runs small programs over the compiled package in processes of their own: what they print and how they end. Needs `dist/`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ControlGroup } from '../../tools/control-groups.mjs';

const ROOT = new URL('../../', import.meta.url);

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: readonly string[];
  /** The control group that it lives in from its first page on. */
  readonly group?: ControlGroup;
  readonly timeoutMs?: number;
}

/** `body` is a module with top-level `await` and the package in scope as `door`. */
export async function runProgram(body: string, options: RunOptions = {}): Promise<Ended> {
  const door = new URL('dist/index.js', ROOT);
  if (!existsSync(door)) throw new Error('dist/ is not built: npm run build:js');
  const source = `import * as door from ${JSON.stringify(door.href)};\n${body}`;
  const { env, flags = [], group, timeoutMs = 20_000 } = options;
  const args = [...flags, '--input-type=module', '-e', source];
  const given = { cwd: fileURLToPath(ROOT), env: { ...process.env, NODE_OPTIONS: '', ...env } };
  const child = group
    ? group.spawn([process.execPath, ...args], { ...given, stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(process.execPath, args, { ...given, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...texts });
    });
  });
}
