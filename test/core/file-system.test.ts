import { constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OpenFile, orNothing } from '../../src/core/file-system.ts';
import { runNode } from '../support/run-program.ts';

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-file-system-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'file');
}

describe('an open file', () => {
  it('is read at any position, and tells what it is', async () => {
    const path = place();
    writeFileSync(path, 'abcdef');
    const file = await OpenFile.open(path, constants.O_RDONLY);
    const into = Buffer.from('......');
    expect(await file.read(into, 1, 3, 2)).toBe(3);
    expect(await file.read(into, 4, 2, 6)).toBe(0);
    expect(String(into)).toBe('.cde..');
    expect((await file.stat()).size).toBe(6);
    await file.close();
  });

  it('is written with the mode that it is made with', async () => {
    const path = place();
    const file = await OpenFile.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    await file.write('text');
    await file.write(' and more');
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('text and more');
    await expect(OpenFile.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)).rejects.toMatchObject({
      code: 'EEXIST',
    });
  });

  it('is closed once, whoever else has its number by then', async () => {
    const path = place();
    writeFileSync(path, 'abcdef');
    const file = await OpenFile.open(path, constants.O_RDONLY);
    await file.close();
    const others = await Promise.all(Array.from({ length: 8 }, () => OpenFile.open(path, constants.O_RDONLY)));
    await file.close();
    expect(await Promise.all(others.map((other) => other.read(Buffer.alloc(6), 0, 6, 0)))).toEqual(others.map(() => 6));
    await Promise.all(others.map((other) => other.close()));
  });

  it('is closed after what is being read, so that no other file is read instead', async () => {
    const path = place();
    writeFileSync(path, 'abcdef');
    const file = await OpenFile.open(path, constants.O_RDONLY);
    const bytes = Array.from({ length: 8 }, () => Buffer.alloc(6));
    const reads = bytes.map((into) => file.read(into, 0, 6, 0));
    await file.close();
    expect(await Promise.all(reads)).toEqual(bytes.map(() => 6));
    for (const late of [file.stat(), file.read(bytes[0]!, 0, 6, 0), file.write('x')]) {
      await expect(late).rejects.toThrow('the file is closed');
    }
  });
});

describe('a call that may fail', () => {
  it('gives what it gives, or nothing', async () => {
    expect(await orNothing(Promise.resolve(5))).toBe(5);
    expect(await orNothing(Promise.reject(new Error('no')))).toBeUndefined();
  });
});

/** Ends threads in the middle of their calls, with `stat` of the module that it is given. */
const ENDING = `
import { Worker } from 'node:worker_threads';
const work = 'import(' + JSON.stringify(process.argv[2]) + ').then(async ({ stat }) => {' +
  'require("node:worker_threads").parentPort.postMessage("begun");' +
  'for (;;) await Promise.all([1, 2, 3, 4].map(() => stat("/nowhere").catch(() => {})));' +
'})';
for (let ended = 0; ended < 300; ended++) {
  const worker = new Worker(work, { eval: true, execArgv: [] });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
  await worker.terminate();
}
console.log('alive');
`;

describe('threads that are ended while they look at files', () => {
  // With `node:fs/promises` as the module, the process ends by SIGABRT after some 75 of them (4 of 4 runs). Needs `lib/`.
  it('do not take the process with them', async () => {
    const module = new URL('../../lib/core/file-system.js', import.meta.url).href;
    const program = `${place()}.mjs`;
    writeFileSync(program, ENDING);
    expect(await runNode([program, module], { timeoutMs: 100_000 })).toMatchObject({ code: 0, stdout: 'alive\n' });
  }, 110_000);
});
