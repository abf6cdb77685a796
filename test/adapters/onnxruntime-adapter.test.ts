import { describe, expect, it } from 'vitest';
import { onnxRuntimeAdapter } from '../../src/adapters/onnxruntime-adapter.ts';
import { createMemoryGuard, withMemoryGuard } from '../../src/index.ts';
import { describeChain, encodeOnnx } from '../../tools/onnx/write-onnx.mjs';
import { importEngine, NO_OTHER_ENGINES } from '../support/other-engines.ts';

const adapter = onnxRuntimeAdapter({ env: { versions: { node: '1.30.0' } } });
const session = (...args: readonly unknown[]) => adapter.readRequest(args).shape?.session;
const DEFAULTS = { optimize: true, prepack: true, arena: true, cpuOnly: true };

describe('a load of onnxruntime-node', () => {
  it('is named by its path, or by how long its bytes are', () => {
    expect(adapter.readRequest(['a.onnx'])).toMatchObject({ name: 'a.onnx', shape: { part: 'weights' } });
    expect(adapter.readRequest([new Uint8Array(7)]).name).toBe('an ONNX model of 7 bytes');
    expect(adapter.readRequest([new ArrayBuffer(9), 2, 5]).name).toBe('an ONNX model of 5 bytes');
    expect(adapter.readRequest([new SharedArrayBuffer(9), 2]).name).toBe('an ONNX model of 7 bytes');
  });

  it.each([[undefined], [''], [7], [{}]])('without a model is refused: %o', (model) => {
    expect(() => adapter.readRequest([model])).toThrow(/^Expected the path of an ONNX model/);
  });

  it('tells the options that decide what it takes, wherever they stand', () => {
    expect(session('a.onnx')).toEqual(DEFAULTS);
    expect(session('a.onnx', { graphOptimizationLevel: 'disabled' })).toEqual({ ...DEFAULTS, optimize: false });
    expect(session(new ArrayBuffer(9), 0, 9, { enableCpuMemArena: false })).toEqual({ ...DEFAULTS, arena: false });
    expect(session('a.onnx', { extra: { session: { disable_prepacking: '1' } } })).toEqual({
      ...DEFAULTS,
      prepack: false,
    });
    expect(session('a.onnx', { extra: { 'session.disable_prepacking': '1' } })).toEqual({
      ...DEFAULTS,
      prepack: false,
    });
    expect(session('a.onnx', { extra: { session: { disable_prepacking: '0' } } })).toEqual(DEFAULTS);
    for (const executionProviders of [['cuda', 'cpu'], [{ name: 'webgpu' }], 'cuda']) {
      expect(session('a.onnx', { executionProviders })).toEqual({ ...DEFAULTS, cpuOnly: false });
    }
    expect(session('a.onnx', { executionProviders: ['cpu', { name: 'cpu' }] })).toEqual(DEFAULTS);
  });

  it('offers the file, or the bytes with the names of what else is in memory', async () => {
    expect(await adapter.listOffers?.(['a.onnx'])).toEqual([{ modelPath: 'a.onnx', format: 'onnx' }]);
    const bytes = new Uint8Array([1, 2, 3]);
    const externalData = [{ path: 'w', data: new Uint8Array(1) }, { path: 'v', data: '/v' }, 'u', 7];
    expect(await adapter.listOffers?.([bytes, { externalData }])).toEqual([
      { modelBytes: { bytes, externalFiles: ['w'] } },
    ]);
    const [offer] = (await adapter.listOffers?.([bytes.buffer, 1, 1])) ?? [];
    expect([...offer!.modelBytes!.bytes]).toEqual([2]);
  });

  it('never shows `memoryGuard` to the engine, and is the identical one without it', () => {
    const plain = ['a.onnx', { enableCpuMemArena: false }];
    expect(adapter.withQuantization(plain, undefined, 'a.onnx')).toBe(plain);
    const bytes = new ArrayBuffer(3);
    const guarded = [bytes, 0, 3, { memoryGuard: { pin: true }, enableCpuMemArena: false }];
    expect(adapter.withQuantization(guarded, undefined, undefined)).toEqual([
      bytes,
      0,
      3,
      { enableCpuMemArena: false },
    ]);
    expect(guarded[3]).toHaveProperty('memoryGuard');
  });

  it('counts runs, and no other call', () => {
    expect(['run', 'release', 'startProfiling', ''].map(adapter.isInference)).toEqual([true, false, false, false]);
    expect(adapter.hasAudio([])).toBe(false);
    expect(adapter.measureCall?.({ inputNames: [] }, 'release', [])).toBeUndefined();
  });
});

describe.skipIf(NO_OTHER_ENGINES)(`the real module ${NO_OTHER_ENGINES ?? ''}`, () => {
  it('is guarded as a namespace and as a module, with models in memory', async () => {
    const namespace = await importEngine('onnxruntime-node');
    const model = encodeOnnx(describeChain({ layers: 1, width: 8 }));
    const guarded = withMemoryGuard(namespace, { ledger: 'process', calibration: 'off' }) as typeof namespace;
    const buffer = new Uint8Array(model).buffer;
    for (const create of [guarded.InferenceSession, guarded.default.InferenceSession]) {
      const made = await create.create(buffer, 0, buffer.byteLength, { memoryGuard: { pin: true } });
      expect(guarded.guard.models()).toMatchObject([{ name: `an ONNX model of ${model.length} bytes`, pinned: true }]);
      const { y } = await made.run({ x: new namespace.Tensor('float32', new Float32Array(8), [1, 8]) });
      expect(y.dims).toEqual([1, 8]);
      await made.release();
      expect(guarded.guard.models()).toEqual([]);
    }
    guarded.guard.close();
    const guard = createMemoryGuard({ ledger: 'process', calibration: 'off' });
    const ort = guard.wrap(namespace.default) as typeof namespace;
    await expect(ort.InferenceSession.create(Buffer.from('no model'))).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
    });
    guard.close();
  });
});
