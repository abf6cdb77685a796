/** Layouts of real builds, by what they fill in: recorded by `node tools/engine-defaults.mjs`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  findContextLayout,
  findModelLayout,
  findProjectorLayout,
  type Layout,
  LayoutError,
  writeParameters,
} from '../../../src/footprint/engine/parameter-layout.ts';

interface Defaults {
  readonly name: string;
  readonly model: string;
  readonly context: string;
  readonly projector: string;
}

const builds = readFileSync(new URL('../../fixtures/engine-defaults.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Defaults);
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const buildOf = (name: string) => builds.find((build) => build.name.startsWith(name)) as Defaults;
const places = (layout: Layout | undefined) =>
  layout && Object.fromEntries(Object.entries(layout).map(([name, field]) => [name, field?.at]));

describe('the layout of a build', () => {
  it.each(builds)('is found for $name', ({ model, context, projector }) => {
    expect(findModelLayout(bytesOf(model))).toHaveProperty('no_alloc');
    expect(findContextLayout(bytesOf(context))).toHaveProperty('kv_unified');
    if (projector !== '') expect(findProjectorLayout(bytesOf(projector))).toHaveProperty('image_max_tokens');
  });

  // By include/llama.h and tools/mtmd/mtmd.h of these versions.
  it('is that of the headers', () => {
    const { model, context, projector } = buildOf('@fugood/llama.node 1.7.15');
    expect(places(findModelLayout(bytesOf(model)))).toEqual({
      devices: 0,
      overrides: 8,
      n_gpu_layers: 16,
      split_mode: 20,
      load_mode: 24,
      vocab_only: 64,
      use_extra_bufts: 66,
      no_host: 67,
      no_alloc: 68,
      load_mtp: 69,
    });
    expect(places(findContextLayout(bytesOf(context)))).toEqual({
      n_ctx: 0,
      n_batch: 4,
      n_ubatch: 8,
      n_seq_max: 12,
      n_rs_seq: 16,
      n_outputs_max: 20,
      ctx_type: 32,
      pooling_type: 40,
      flash_attn_type: 48,
      type_k: 104,
      type_v: 108,
      embeddings: 128,
      offload_kqv: 129,
      op_offload: 131,
      swa_full: 132,
      kv_unified: 133,
    });
    expect(places(findProjectorLayout(bytesOf(projector)))).toEqual({
      use_gpu: 0,
      flash_attn_type: 24,
      warmup: 28,
      image_min_tokens: 32,
      image_max_tokens: 36,
    });
  });

  it('differs by build', () => {
    const noAlloc = (name: string) => findModelLayout(bytesOf(buildOf(name).model))?.['no_alloc']?.at;
    // Without load_mode: one flag fewer, with and without use_direct_io, which is set in one of them; with load_mode, and with lazy_mode too.
    expect(noAlloc('@fugood/llama.node 1.4.12')).toBe(70);
    expect(noAlloc('node-llama-cpp 3.15.1')).toBe(71);
    expect(noAlloc('node-llama-cpp 3.18.1')).toBe(71);
    expect(noAlloc('node-llama-cpp 3.20.0')).toBe(68);
    expect(noAlloc('node-llama-cpp 3.22.1')).toBe(76);
    expect(findContextLayout(bytesOf(buildOf('@fugood/llama.node 1.4.12').context))).not.toHaveProperty('ctx_type');
    const flags = (name: string) => findContextLayout(bytesOf(buildOf(name).context))?.['embeddings']?.at;
    expect(flags('@fugood/llama.node 1.4.12')).toBe(112);
    expect(flags('node-llama-cpp 3.22.1')).toBe(128);
  });

  it('is not found in anything else', () => {
    for (const find of [findModelLayout, findContextLayout, findProjectorLayout]) {
      expect(find(new Uint8Array(0))).toBeUndefined();
      expect(find(new Uint8Array(256))).toBeUndefined();
      expect(find(new Uint8Array(256).fill(255))).toBeUndefined();
      expect(find(Uint8Array.from({ length: 256 }, (_, index) => (index * 37) % 256))).toBeUndefined();
    }
    const { model, context } = buildOf('@fugood/llama.node 1.7.15');
    const changed = (hex: string, at: number, value: number) => bytesOf(hex).fill(value, at, at + 1);
    expect(findModelLayout(changed(model, 20, 0))).toBeUndefined();
    expect(findModelLayout(changed(model, 66, 0))).toBeUndefined();
    expect(findModelLayout(changed(model, 64, 1))).toBeUndefined();
    for (const at of [4, 24, 36, 104, 131]) expect(findContextLayout(changed(context, at, 7))).toBeUndefined();
  });
});

describe('parameters', () => {
  const { context } = buildOf('@fugood/llama.node 1.7.15');
  const defaults = bytesOf(context);
  const layout = findContextLayout(defaults) as Layout;

  it('are the defaults with other values', () => {
    const written = writeParameters(defaults, layout, {
      n_ctx: 4096,
      flash_attn_type: -1,
      kv_unified: 1,
      swa_full: 0,
      n_batch: undefined,
    });
    const view = new DataView(written.buffer);
    expect([view.getInt32(0, true), view.getInt32(4, true), view.getInt32(48, true)]).toEqual([4096, 2048, -1]);
    expect([view.getUint8(132), view.getUint8(133)]).toEqual([0, 1]);
    const restored = writeParameters(written, layout, { n_ctx: 512, kv_unified: 0, swa_full: 1 });
    expect(restored).toEqual(defaults);
    expect(defaults).toEqual(bytesOf(context));
  });

  it('are refused if the build has no such field', () => {
    const refused = () => writeParameters(defaults, layout, { n_future: 1 });
    expect(refused).toThrow(LayoutError);
    expect(refused).toThrow('this build has no n_future');
  });
});
