/** The examples of `node-llama-cpp` with the real engine and small models, each in a process of its own. Needs `npm run compile`. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { readRecipes, writeRecipe } from '../../tools/architecture-file.mjs';
import { writeLora } from '../../tools/lora-file.mjs';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { TINY } from '../support/tiny-models.ts';

const noControlGroups = whyNoControlGroups();
if (noControlGroups !== undefined) console.warn(`The service of three models is not run: ${noControlGroups}.`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-llama-examples-'));
  writeLanguageModel(join(folder, 'tiny.gguf'), { ...TINY, quantization: 'F32' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);
const script = (name: string) => fileURLToPath(new URL(`../../examples/node-llama-cpp/${name}`, import.meta.url));
/** What earlier runs took on this machine, and who else is loading, is not this test's. */
const env = () => ({ ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder });

function run(name: string, ...args: readonly string[]): readonly string[] {
  const ended = spawnSync(process.execPath, [script(name), ...args], {
    encoding: 'utf8',
    env: env(),
    timeout: 120_000,
  });
  expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 0, stderr: '' });
  return ended.stdout.trimEnd().split('\n');
}

describe('the example', { timeout: 150_000 }, () => {
  it('embeddings.mjs compares texts in a context of its own', () => {
    const [same, other, , context] = run('embeddings.mjs', path('tiny.gguf'), 'hello', 'hello', 'world');
    expect(Number(same?.split(' ')[1])).toBeCloseTo(1, 5);
    expect(Number(other?.split(' ')[1])).toBeLessThan(0.999);
    expect(context).toMatch(/^tiny\.gguf: embedding context: .* with 4096 tokens/);
  });

  it('reranking.mjs scores documents with a model that has a head for it', () => {
    const bert = readRecipes(fileURLToPath(new URL('../fixtures/architectures.jsonl', import.meta.url))).find(
      ({ name }) => name === 'bert',
    )!;
    writeRecipe(path('rank.gguf'), {
      ...bert,
      keys: [...bert.keys, ['.pooling_type', 'u32', 4]],
      tensors: [...bert.tensors, ['cls.output.weight', [512, 1], 'F32'], ['cls.output.bias', [1], 'F32']],
    });
    const lines = run('reranking.mjs', path('rank.gguf'), 'What is it?', 'A cat.', 'A dog.');
    // Its weights are zero, and so is what it says: 0.5 is the sigmoid of that.
    expect(lines.slice(0, 2)).toEqual(['0.500 A cat.', '0.500 A dog.']);
    expect(lines[3]).toMatch(/^rank\.gguf: ranking context: .* with 512 tokens/);
  });

  it('lora.mjs counts an adapter with the context that has it', () => {
    const { hidden, ffn } = TINY;
    const tensors = [
      ['attn_q', hidden, hidden],
      ['ffn_up', hidden, ffn],
      ['ffn_down', ffn, hidden],
    ].map(([name, ...dims]) => ({ name: `blk.0.${name}.weight`, dims: dims as number[], type: 'F32' as const }));
    writeLora(path('lora.gguf'), 'qwen2', tensors, 512);
    const [text, sizes] = run('lora.mjs', path('tiny.gguf'), path('lora.gguf'), 'Hi');
    expect(text).not.toBe('');
    const [without, with_] = [...sizes!.matchAll(/([\d.]+) MiB/g)].map(([, mib]) => Number(mib));
    // Three pairs of matrices of 256 times 512 values in F16.
    expect(with_! - without!).toBeGreaterThan(1.4);
  });

  it('draft.mjs answers with the help of a second model, each admitted by itself', () => {
    const [text, ...models] = run('draft.mjs', path('tiny.gguf'), path('tiny.gguf'), 'Hi');
    expect(text).not.toBe('');
    expect(models.map((line) => /^tiny\.gguf: (context|Loading)/.exec(line)?.[1])).toEqual([
      'Loading',
      'Loading',
      'context',
      'context',
    ]);
  });

  it('parallel.mjs answers several prompts at once', () => {
    const lines = run('parallel.mjs', path('tiny.gguf'), 'a', 'b', 'c');
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatch(/^3 sequences in [\d.]+ MiB$/);
  });
});

describe.skipIf(noControlGroups !== undefined)('the service of three models in 1 GiB', { timeout: 300_000 }, () => {
  const NAMES = ['one', 'two', 'three'];
  /** 320 MiB of anonymous memory each, once the engine has arranged them. */
  const SHAPE = {
    hidden: 1536,
    layers: 16,
    heads: 12,
    kvHeads: 12,
    ffn: 4096,
    vocab: 8000,
    context: 2048,
    random: false,
  };

  it('answers for each in turn, swaps them, and is not killed', async () => {
    for (const name of NAMES) writeLanguageModel(path(`${name}.gguf`), { ...SHAPE, quantization: 'Q4_0' });
    const group = createControlGroup(1 * GiB);
    const service = group.spawn([process.execPath, script('service.mjs'), folder, '0'], {
      env: env(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void service.kill('SIGKILL'));
    const said: string[] = [];
    const lines = createInterface({ input: service.stdout! });
    lines.on('line', (line) => said.push(line));
    createInterface({ input: service.stderr! }).on('line', (line) => said.push(line));
    await Promise.race([once(lines, 'line'), once(service, 'exit')]);
    const url = /http:\S+/.exec(said.join('\n'))?.[0];
    const ask = async (name: string) => (await fetch(`${url}/${name}`, { method: 'POST', body: 'Hi' })).status;
    const statuses: number[] = [];
    for (const name of [...NAMES, ...NAMES]) statuses.push(await ask(name));
    expect(statuses, said.join('\n')).toEqual([200, 200, 200, 200, 200, 200]);
    expect(said.filter((line) => /^Evicted .*\.gguf/.test(line)).length).toBeGreaterThanOrEqual(3);
    expect(await ask('four')).toBe(404);
    writeLanguageModel(path('huge.gguf'), {
      ...SHAPE,
      hidden: 4096,
      ffn: 11008,
      heads: 32,
      kvHeads: 32,
      quantization: 'Q4_0',
    });
    const short = await fetch(`${url}/huge`, { method: 'POST', body: 'Hi' });
    expect([short.status, short.headers.get('retry-after')]).toEqual([503, '10']);
    expect(group.readUsedBytes()).toBeLessThan(1 * GiB);
    expect(service.exitCode).toBeNull();
    service.kill('SIGTERM');
    expect(await once(service, 'exit')).toEqual([0, null]);
  });
});
