/** Small programs in place of a model's process: they say what an engine would say, or what no engine should. All of them end with their test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startChild } from '../../src/children/start-child.ts';
import { EngineProcess, type EngineProcessOptions } from '../../src/sdk/isolation/engine-process.ts';

const HEAD = `
import { writeSync } from 'node:fs';
const send = (message) => process.send(message);
const answer = ({ call }, value) => send({ type: 'done', call, value });
const opened = { name: 'llama', version: '1' };
const loaded = { model: 1, audio: false, vision: false, keepsKvCache: false };
const result = { text: 'a', finishReason: 'end', promptTokens: 1, generatedTokens: 1, truncated: false, totalMs: 1 };
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
`;

/** Answers as a process with one model does. A body may take a message first, by \`take(message)\` that returns true. */
const TAIL = `
process.on('message', (message) => {
  if (globalThis.take?.(message)) return;
  if (message.type === 'open') answer(message, opened);
  if (message.type === 'load') answer(message, loaded);
  if (message.type === 'ping') send({ type: 'pong' });
  if (message.type === 'model') answer(message, message.method === 'generate' ? result : 'formatted');
});
`;

/** The path of a program. `body` is a module with \`send\`, \`answer\`, \`block\` and sound answers in scope, and sets \`globalThis.take\`. */
export function writeChildProgram(body = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-child-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'child.mjs');
  writeFileSync(path, `${HEAD}${body}${TAIL}`);
  return path;
}

/** Such a program as it runs. */
export async function startChildProgram(
  body?: string,
  options: Partial<EngineProcessOptions> = {},
): Promise<EngineProcess> {
  const process = new EngineProcess(await startChild(writeChildProgram(body)), { shared: false, ...options });
  onTestFinished(() => process.kill().then(() => {}));
  return process;
}
