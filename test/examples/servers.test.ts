/** The example servers on loopback, with the real engine and a machine that the test sets: 503 and when to come again. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeApp } from '../../examples/express.mjs';
import { makeServer } from '../../examples/fastify.mjs';
import { GiB, MiB, NexaSDK, withMemoryGuard } from '../../src/index.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

async function guarded(options = {}) {
  const machine = { totalBytes: 8 * GiB, availableBytes: 8 * GiB };
  const sdk = await NexaSDK.initialize();
  /** What loaded models take is gone from the machine as well. */
  let takenBytes = () => 0;
  const sensor = () => ({ ...machine, availableBytes: Math.max(0, machine.availableBytes - takenBytes()) });
  const nexa = withMemoryGuard(sdk, { sensor, ...options });
  takenBytes = () => nexa.guard.models().reduce((sum, { need }) => sum + need.anonymousBytes, 0);
  onTestFinished(() => sdk.dispose());
  return { nexa, machine };
}

/** The whole answer: one that is not read would keep its model busy. */
async function ask(url: string, { prompt = 'Hi', body = JSON.stringify({ prompt }) } = {}) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const text = await response.text();
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text };
}

async function get(url: string) {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

describe('the Fastify example', () => {
  async function start(availableBytes = 8 * GiB, totalBytes = 8 * GiB) {
    const { nexa, machine } = await guarded();
    Object.assign(machine, { availableBytes, totalBytes });
    // The example is written against the package; here it runs on the sources.
    const leaving = new AbortController();
    const server = await makeServer(nexa as never, files.model('Q4_0'), leaving.signal);
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => server.close());
    return { nexa, machine, url, server, leaving };
  }

  it('answers, turns away with Retry-After while memory is critical, and answers again', async () => {
    const { url, machine } = await start();
    const answer = await ask(`${url}/ask`);
    expect(answer.status).toBe(200);
    expect(answer.text.length).toBeGreaterThan(0);
    machine.availableBytes = 200 * MiB;
    await eventually(async () => expect((await ask(`${url}/ask`)).status).toBe(503));
    const shed = await ask(`${url}/ask`);
    expect(shed.retryAfter).toBe('10');
    expect(JSON.parse(shed.text)).toMatchObject({ error: 'Memory is short, try again later.' });
    expect((await get(`${url}/ready`)).status).toBe(503);
    expect((await get(`${url}/live`)).status).toBe(200);
    machine.availableBytes = 8 * GiB;
    await eventually(async () => expect((await ask(`${url}/ask`)).status).toBe(200));
    expect(await get(`${url}/ready`)).toEqual({ status: 200, text: '{"status":"ok"}' });
  });

  it('tells to come again while others hold what the model needs, and answers once they gave it back', async () => {
    const { url, machine } = await start(64 * MiB);
    const refused = await ask(`${url}/ask`);
    expect([refused.status, refused.retryAfter]).toEqual([503, '10']);
    expect(JSON.parse(refused.text)).toMatchObject({ reason: 'busy', shortfallBytes: expect.any(Number) });
    machine.availableBytes = 8 * GiB;
    expect((await ask(`${url}/ask`)).status).toBe(200);
  });

  it('doesn’t start with a model that is too large for the machine', async () => {
    await expect(start(64 * MiB, 64 * MiB)).rejects.toMatchObject({ reason: 'too-large' });
  });

  it('turns away if memory can’t be read', async () => {
    const { url, machine } = await start();
    machine.availableBytes = Number.NaN;
    await eventually(async () => expect((await ask(`${url}/ask`)).status).toBe(503));
    expect(await get(`${url}/ready`)).toEqual({ status: 503, text: '{"status":"unknown"}' });
    expect((await get(`${url}/live`)).status).toBe(200);
  });

  it('is not ready once it is about to end, and still answers', async () => {
    const { url, leaving } = await start();
    leaving.abort();
    expect(await get(`${url}/ready`)).toEqual({ status: 503, text: '{"status":"leaving"}' });
    expect((await get(`${url}/live`)).status).toBe(200);
    expect((await ask(`${url}/ask`)).status).toBe(200);
  });

  it('tells Prometheus how things stand, most of all while it sheds', async () => {
    const { url, machine } = await start();
    machine.availableBytes = 200 * MiB;
    await eventually(async () => expect((await ask(`${url}/ask`)).status).toBe(503));
    const metrics = await get(`${url}/metrics`);
    expect(metrics.status).toBe(200);
    expect(metrics.text).toMatch(/^nexa_memory_guard_status\{guard="default",status="critical"\} 1$/m);
  });

  it('lets go of its model when it is closed', async () => {
    const { nexa, server } = await start();
    expect(nexa.guard.models()).toHaveLength(1);
    await server.close();
    expect(nexa.guard.models()).toEqual([]);
  });
});

describe('the Express example', () => {
  async function start(options = {}) {
    const { nexa, machine } = await guarded(options);
    const leaving = new AbortController();
    const server: Server = createServer(makeApp(nexa as never, files.folder, leaving.signal));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(async () => {
      await new Promise((resolve) => server.close(resolve));
      nexa.guard.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { nexa, machine, url, leaving, of: (file: string) => `${url}/ask/${file}` };
  }

  it('loads what is asked for, once, and streams its answer', async () => {
    const { nexa, of } = await start();
    const answers = await Promise.all([
      ask(of('qwen2audio-Q4_0.gguf')),
      ask(of('qwen2audio-Q4_0.gguf'), { prompt: 'You' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const { text } of answers) expect(text.length).toBeGreaterThan(0);
    expect(nexa.guard.models()).toHaveLength(1);
  });

  it('turns away with Retry-After while memory is critical, and answers again', async () => {
    const { url, of, machine } = await start();
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    machine.availableBytes = 100 * MiB;
    const shed = await ask(of('qwen2audio-Q4_0.gguf'));
    expect([shed.status, shed.retryAfter]).toEqual([503, '10']);
    expect(JSON.parse(shed.text)).toMatchObject({ error: 'Memory is short.', headroomBytes: expect.any(Number) });
    expect((await get(`${url}/ready`)).status).toBe(503);
    expect((await get(`${url}/live`)).status).toBe(200);
    machine.availableBytes = 8 * GiB;
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    expect(await get(`${url}/ready`)).toEqual({ status: 200, text: '{"status":"ok"}' });
  });

  it('is not ready once it is about to end or memory can’t be read, and stays alive', async () => {
    const { url, of, machine, leaving } = await start();
    machine.availableBytes = Number.NaN;
    expect(await get(`${url}/ready`)).toEqual({ status: 503, text: '{"status":"unknown"}' });
    machine.availableBytes = 8 * GiB;
    leaving.abort();
    expect(await get(`${url}/ready`)).toEqual({ status: 503, text: '{"status":"leaving"}' });
    expect((await get(`${url}/live`)).status).toBe(200);
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
  });

  it('tells to come again if a model does not fit, and that there is none if there is none', async () => {
    const { of, machine } = await start();
    machine.availableBytes = 1 * MiB;
    const refused = await ask(of('qwen2audio-Q4_0.gguf'));
    expect([refused.status, refused.retryAfter]).toEqual([503, '10']);
    expect(JSON.parse(refused.text)).toMatchObject({ reason: 'busy', shortfallBytes: expect.any(Number) });
    machine.totalBytes = 64 * MiB;
    const never = await ask(of('qwen2audio-Q4_0.gguf'));
    expect([never.status, never.retryAfter]).toEqual([507, null]);
    expect(JSON.parse(never.text)).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY', reason: 'too-large' });
    Object.assign(machine, { totalBytes: 8 * GiB, availableBytes: 8 * GiB });
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    expect((await ask(of('nobody.gguf'))).status).toBe(404);
    expect((await ask(of('..%2f..%2fetc%2fpasswd'))).status).toBe(404);
    expect((await ask(of('qwen2audio-Q4_0.gguf'), { body: '{' })).status).toBe(400);
  });

  it('tells to come again when an idle model will have ended that holds what is missing', async () => {
    const { nexa, of, machine } = await start({ keepAliveMs: 60_000, minFreeBytes: 1 * MiB, minFreeRatioAfterLoad: 0 });
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    machine.availableBytes = Math.round((8 * GiB - nexa.guard.headroomBytes()) * 1.5);
    const refused = await ask(of('qwen2audio-Q4_K_M.gguf'));
    expect(refused.status).toBe(503);
    expect(refused.retryAfter).toMatch(/^\d+$/);
    expect(refused.retryAfter).not.toBe('10'); // what is said if nobody knows
  });

  it('unloads an idle model for another, and loads it again when it is asked for', async () => {
    const { nexa, of, machine } = await start({
      evict: 'idle',
      reload: true,
      minFreeBytes: 1 * MiB,
      minFreeRatioAfterLoad: 0,
    });
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    const loaded = () => nexa.guard.models().map(({ name }) => name.split('/').at(-1));
    const heldBytes = 8 * GiB - nexa.guard.headroomBytes();
    machine.availableBytes = Math.round(heldBytes * 1.5);
    expect((await ask(of('qwen2audio-Q4_K_M.gguf'))).status).toBe(200);
    expect(loaded()).toEqual(['qwen2audio-Q4_K_M.gguf']);
    expect((await ask(of('qwen2audio-Q4_0.gguf'))).status).toBe(200);
    expect(loaded()).toEqual(['qwen2audio-Q4_0.gguf']);
  });
});
