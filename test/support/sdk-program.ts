/** Runs small programs over the compiled SDK in processes of their own, as users do: what they print and how they end. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface ProgramOptions {
  readonly addon?: boolean;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: readonly string[];
  /** What the process may map at most, as `ulimit -v` takes it. */
  readonly addressSpaceKiB?: number;
}

export interface Programs {
  /** `body` is JavaScript with top-level `await`, `NexaSDK` and `folder` in scope. */
  run(body: string, options?: ProgramOptions): Promise<Ended>;
  close(): void;
}

/** Compiles `src/sdk` into a package of its own that shares this one's addon and dependencies. */
export function compilePrograms(folder: string): Programs {
  const home = mkdtempSync(join(tmpdir(), 'nexa-sdk-programs-'));
  const typescript = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const config = join(home, 'tsconfig.json');
  writeFileSync(join(home, 'package.json'), '{ "name": "programs", "type": "module" }');
  for (const shared of ['node_modules', 'build', 'prebuilds']) symlinkSync(join(ROOT, shared), join(home, shared));
  const compilerOptions = {
    rootDir: join(ROOT, 'src'),
    outDir: join(home, 'dist'),
    declaration: false,
    declarationMap: false,
    sourceMap: false,
  };
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.build.json'),
      compilerOptions: { ...compilerOptions, typeRoots: [join(ROOT, 'node_modules', '@types')] },
      include: [],
      files: [join(ROOT, 'src', 'sdk', 'nexa-sdk.ts')],
    }),
  );
  execFileSync(process.execPath, [typescript, '-p', config], { stdio: 'pipe' });
  let count = 0;
  return {
    run(body, { addon = true, timeoutMs = 20_000, addressSpaceKiB, env: more = {}, flags = [] } = {}) {
      mkdirSync(join(home, 'programs'), { recursive: true });
      const file = join(home, 'programs', `${count++}.mjs`);
      writeFileSync(
        file,
        `import { NexaSDK } from '../dist/sdk/nexa-sdk.js';\nconst folder = ${JSON.stringify(folder)};\n${body}\n`,
      );
      const env = { ...process.env, NODE_OPTIONS: '', NEXA_MEMORY_GUARD_ADDON: addon ? '' : 'off', ...more };
      // Another version of Node, where somebody wants to know: TEST_NODE=/path/to/node.
      const node = process.env['TEST_NODE'] ?? process.execPath;
      const command = `ulimit -v ${addressSpaceKiB ?? 'unlimited'}; exec "$0" "$@"`;
      return runFile(['-c', command, node, ...flags, file], env, timeoutMs);
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  };
}

function runFile(args: readonly string[], env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Ended> {
  const startMs = performance.now();
  const child = spawn('/bin/sh', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, ms: performance.now() - startMs });
    });
  });
}
