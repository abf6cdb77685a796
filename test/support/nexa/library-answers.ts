/**
 * Calls of a library of the SDK without the binding that keeps its wrong answers from users, in a process of their own
 * (core/answers.cc). Needs `npm run build:double`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ANSWERS = fileURLToPath(new URL('build/Release/answers', import.meta.url));

/** What one call gave. `text` to `generatedTokens` are those of a text. */
export interface LibraryAnswer {
  readonly code: number;
  readonly text: string;
  /** The library's word for why the text ended; empty if it gave none. */
  readonly reason: string;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** What the process holds after the call. */
  readonly anonymousBytes: number;
  readonly mappedBytes: number;
  /** Lines that were logged meanwhile, each with its level. */
  readonly log: readonly (readonly [number, string])[];
}

export interface TextCall {
  readonly most?: number;
  /** Tokens after which the text is stopped; -1 stops it at its first. */
  readonly stopAfter?: number;
  readonly audio?: readonly string[];
}

/** Calls on one handle; core/answers.cc says what each word means. */
export type LibraryCall = readonly (string | number)[];

export const loadCall = (context: number, model: string, projector?: string): LibraryCall =>
  projector === undefined ? ['load', 'h', context, model] : ['load', 'h', context, model, projector];

/**
 * A text that is drawn with a seed, so that two texts are the same only if all logits were. It is short enough that prompts made of it
 * fit into one batch: a real library rounds otherwise if a prompt is cut into other batches.
 */
export const textCall = (prompt: string, { most = 12, stopAfter = 0, audio = [] }: TextCall = {}): LibraryCall => [
  ...['text', 'h', most, stopAfter, 7, prompt],
  ...audio,
];

/** Makes the calls in a fresh process, with these variables in its environment. */
export function callLibrary(
  library: string,
  calls: readonly LibraryCall[],
  environment: Record<string, string> = {},
): { readonly answers: readonly LibraryAnswer[]; readonly signal: NodeJS.Signals | null; readonly stderr: string } {
  const input = calls.map((words) => `${words.map((word) => encodeURIComponent(word)).join(' ')}\n`).join('');
  const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', ...environment };
  const { stdout, stderr, signal, error } = spawnSync(ANSWERS, [library], { input, env, maxBuffer: 2 ** 28 });
  if (error) throw error;
  const lines = String(stdout).split('\n').filter(Boolean);
  return { answers: lines.map((line) => JSON.parse(line) as LibraryAnswer), signal, stderr: String(stderr) };
}
