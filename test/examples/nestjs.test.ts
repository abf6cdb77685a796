/** The NestJS example on loopback, with Nest itself, the real engine and a machine that the test sets. Needs `npm run build:js`. */
import { NestFactory } from '@nestjs/core';
import type { MemoryGuard, MemoryGuardOptions } from 'nexa-memory-guard';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AppModule } from '../../examples/nestjs/app.module.ts';
import { MEMORY_GUARD } from '../../examples/nestjs/tokens.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

async function start(options: MemoryGuardOptions = {}, drainMs = 0) {
  const machine = { totalBytes: 8 * GiB, availableBytes: 8 * GiB };
  let guard: MemoryGuard | undefined;
  /** What loaded models take is gone from the machine as well. */
  const takenBytes = () => guard?.models().reduce((sum, { need }) => sum + need.anonymousBytes, 0) ?? 0;
  const sensor = () => ({ ...machine, availableBytes: Math.max(0, machine.availableBytes - takenBytes()) });
  const root = AppModule.forModels(files.folder, { sensor, ...options }, drainMs);
  const app = await NestFactory.create(root, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  guard = app.get<MemoryGuard>(MEMORY_GUARD);
  let closing: Promise<void> | undefined;
  const close = (signal?: string) => {
    // Nest's types don't show the signal that its own handlers pass.
    closing ??= (app as { close(signal?: string): Promise<void> }).close(signal);
    return closing;
  };
  onTestFinished(() => close());
  return { machine, guard, url: await app.getUrl(), close };
}

/** The whole answer: one that is not read would keep its model busy. */
async function read(response: Response) {
  const text = await response.text();
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text };
}

const get = async (url: string) => read(await fetch(url));

async function ask(url: string, file = 'qwen2audio-Q4_0.gguf') {
  const headers = { 'content-type': 'application/json' };
  return read(await fetch(`${url}/ask/${file}`, { method: 'POST', headers, body: '{"prompt":"Hi"}' }));
}

describe('the NestJS example', () => {
  it('answers, and while memory is critical is not ready, turns away and stays alive', async () => {
    const { url, machine, guard } = await start();
    const [answer, other] = await Promise.all([ask(url), ask(url)]);
    expect([answer.status, other.status]).toEqual([200, 200]);
    expect(answer.text.length).toBeGreaterThan(0);
    expect(guard.models()).toHaveLength(1);
    expect((await get(`${url}/ready`)).status).toBe(200);
    machine.availableBytes = 100 * MiB;
    const ready = await get(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.text)).toMatchObject({ error: { memory: { status: 'down', level: 'critical' } } });
    expect((await get(`${url}/live`)).status).toBe(200);
    const shed = await ask(url);
    expect([shed.status, shed.retryAfter]).toEqual([503, '10']);
    machine.availableBytes = 8 * GiB;
    expect((await get(`${url}/ready`)).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
  });

  it('is alive and not ready if memory can’t be read', async () => {
    const { url, machine } = await start();
    machine.availableBytes = Number.NaN;
    expect((await get(`${url}/ready`)).status).toBe(503);
    expect((await get(`${url}/live`)).status).toBe(200);
  });

  it('tells to come again while others hold the memory, that it is no use if a model is too large, and that there is none', async () => {
    const { url, machine } = await start();
    machine.availableBytes = 1 * MiB;
    const busy = await ask(url);
    expect([busy.status, busy.retryAfter]).toEqual([503, '10']);
    expect(JSON.parse(busy.text)).toMatchObject({ reason: 'busy', shortfallBytes: expect.any(Number) });
    machine.totalBytes = 64 * MiB;
    const never = await ask(url);
    expect([never.status, never.retryAfter]).toEqual([507, null]);
    expect(JSON.parse(never.text)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY', reason: 'too-large' });
    Object.assign(machine, { totalBytes: 8 * GiB, availableBytes: 8 * GiB });
    expect((await ask(url)).status).toBe(200);
    expect((await ask(url, 'nobody.gguf')).status).toBe(404);
    expect((await ask(url, '..%2f..%2fetc%2fpasswd')).status).toBe(404);
  });

  it('is not ready once it was told to end, still answers for a while, and then lets go of all', async () => {
    const { url, guard, close } = await start({}, 3000);
    expect((await ask(url)).status).toBe(200);
    const closed = close('SIGTERM');
    expect((await get(`${url}/ready`)).status).toBe(503);
    expect((await get(`${url}/live`)).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
    expect(guard.closed).toBe(false);
    await closed;
    expect([guard.models(), guard.closed]).toEqual([[], true]);
    await expect(fetch(`${url}/live`)).rejects.toThrow();
  });
});
