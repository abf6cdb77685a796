/** The test double of the SDK's library in its three layouts, and what it was called with. Needs `npm run build:double`. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import type { LayoutName } from '../../../src/addon/nexa-binding.ts';

const BUILT = fileURLToPath(new URL('build/Release/', import.meta.url));
const FILES: Record<LayoutName, string> = {
  'nexa-1.0': 'nexa_1_0.so',
  'geniex-0.3': 'geniex_0_3.so',
  'geniex-0.5': 'geniex_0_5.so',
};

export function doubleLibrary(layout: LayoutName = 'geniex-0.5'): string {
  const path = join(BUILT, FILES[layout]);
  if (!existsSync(path)) throw new Error(`${path} is not there: npm run build:double`);
  return path;
}

const REAL_FILES = { REAL_GENIEX: 'libgeniex.so', REAL_ML: 'libnexa_bridge.so' } as const;
/** The variables that name a real library, each by its path or by its folder: of the newer and of the older generation. */
export type RealVariable = keyof typeof REAL_FILES;

/** The path of the real library that this variable names. */
export function realLibrary(variable: RealVariable): string | undefined {
  const path = process.env[variable];
  if (!path) return undefined;
  return statSync(path).isDirectory() ? join(path, REAL_FILES[variable]) : path;
}

/** One call that the double received: its name and every field of every struct. */
export interface DoubleCall {
  readonly call: string;
  readonly [field: string]: unknown;
}

let recordings = 0;

/** Records the double's calls until the test ends. */
export function recordCalls(): () => readonly DoubleCall[] {
  const path = join(BUILT, `calls-${process.pid}-${recordings++}.jsonl`);
  vi.stubEnv('NEXA_DOUBLE_CALLS', path);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(path, { force: true });
  });
  return () => {
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as DoubleCall);
  };
}

/** Tells the double what its next calls do; see double/orders.h. */
export function order(
  variable: 'NEXA_DOUBLE_INIT' | 'NEXA_DOUBLE_CREATE' | 'NEXA_DOUBLE_VERSION',
  orders: string,
): void {
  vi.stubEnv(variable, orders);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

/** Tokens for the double to say, each as text or as bytes. */
export function say(...tokens: readonly (string | readonly number[])[]): string {
  return `say=${tokens.map((token) => Buffer.from(token as string).toString('hex')).join(',')}`;
}
