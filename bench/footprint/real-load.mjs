// Runs one process to its end and returns what it printed, or ends it when its time is over. It knows no engine.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Begins the line that tells the result. */
export const MARK = 'MEASURED ';

/** @typedef {{ text: string, found: any, problem: string | undefined }} Ended */

/** `flags` are of Node; `tellStarted` is told the process. @typedef {{ limitMs: number, env?: NodeJS.ProcessEnv, flags?: readonly string[], tellStarted?: (pid: number) => void }} RunOptions */

/** @param {string} script beside this file @param {object} request @param {RunOptions} options @returns {Promise<Ended>} */
export function runScript(script, request, { limitMs, env = {}, flags = [], tellStarted = () => {} }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-footprint-load-'));
  // Files, since Node makes pipes non-blocking: what the engine prints into a full one is lost. Apart, since one may come in the
  // middle of the other's line.
  const files = ['said.txt', 'printed.txt'].map((name) => path.join(folder, name));
  const [said, printed] = /** @type {[number, number]} */ (files.map((file) => fs.openSync(file, 'w')));
  const place = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [...flags, place, JSON.stringify(request)], {
    stdio: ['ignore', said, printed],
    env: { ...process.env, GGML_NO_BACKTRACE: '1', ...env },
  });
  for (const descriptor of [said, printed]) fs.closeSync(descriptor);
  if (child.pid !== undefined) tellStarted(child.pid);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limitMs);
  const endNow = () => child.kill('SIGKILL');
  process.once('exit', endNow);
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      process.off('exit', endNow);
    };
    child.on('error', (error) => {
      finish();
      reject(error);
    });
    child.on('close', (code, signal) => {
      finish();
      const text = files.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
      fs.rmSync(folder, { recursive: true });
      const line = text.split('\n').find((each) => each.startsWith(MARK));
      const found = line === undefined ? undefined : JSON.parse(line.slice(MARK.length));
      const end = late ? `not done within ${limitMs / 1000} s` : `ended with ${signal ?? code}`;
      resolve({ text, found, problem: found === undefined ? `${end}: ${describeEnd(text)}` : undefined });
    });
  });
}

/** The line that says most of why. @param {string} text */
function describeEnd(text) {
  const lines = text.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => /error|failed|assert|unsupported|not supported|mismatch/i.test(line));
  return (telling.at(-1) ?? lines.filter((line) => line !== '').at(-1) ?? 'it printed nothing').slice(0, 160);
}
