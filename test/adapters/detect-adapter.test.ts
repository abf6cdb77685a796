import { describe, expect, it } from 'vitest';
import { ADAPTER } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { detectAdapter } from '../../src/adapters/detect-adapter.ts';
import { fakeTransformers } from '../support/fake-transformers.ts';

const nodeLlamaCpp = {
  loadModel() {},
  createGrammar() {},
  getVramState() {},
  llamaCppRelease: { repo: 'ggml-org/llama.cpp', release: 'b1' },
  gpu: false,
  systemInfo: '',
  supportsMmap: true,
};
const llamaNode = { loadModel() {}, initLlama() {}, loadLlamaModelInfo() {}, BuildInfo: { number: 7 } };

const transformers = fakeTransformers();
const onnxRuntime = {
  InferenceSession: Object.assign(class {}, { create() {} }),
  Tensor: class {},
  listSupportedBackends() {},
  env: { versions: { node: '1.30.0' } },
};

describe('the adapter of an SDK', () => {
  it('is chosen by the names that the SDK has', () => {
    expect(detectAdapter(nodeLlamaCpp).runtime).toBe('node-llama-cpp (ggml-org/llama.cpp b1)');
    expect(detectAdapter(llamaNode).runtime).toBe('@fugood/llama.node (llama.cpp b7)');
    expect(detectAdapter(transformers).runtime).toBe('@huggingface/transformers 4.3.2 (onnxruntime 1.30.0)');
    expect(detectAdapter(onnxRuntime).runtime).toBe('onnxruntime-node 1.30.0');
  });

  it('is the default one if a name is missing', () => {
    const { getVramState: _vram, ...lacking } = nodeLlamaCpp;
    const { initLlama: _init, ...other } = llamaNode;
    expect(detectAdapter(lacking)).toBe(defaultAdapter);
    expect(detectAdapter(other)).toBe(defaultAdapter);
    // What `onnxruntime-web` is, whose models live in WebAssembly, also beside `onnxruntime-node`: they share `env`.
    const { listSupportedBackends: _list, ...web } = onnxRuntime;
    expect(detectAdapter(web)).toBe(defaultAdapter);
    expect(detectAdapter({ ...onnxRuntime, env: { versions: { web: '1.30.0' } } })).toBe(defaultAdapter);
    expect(detectAdapter({ ...onnxRuntime, InferenceSession: class {} })).toBe(defaultAdapter);
    expect(detectAdapter(() => {})).toBe(defaultAdapter);
  });

  it('is the one that the SDK carries, whatever its shape, with the default parts that it leaves out', () => {
    const isInference = () => false;
    const own = detectAdapter({ ...llamaNode, [ADAPTER]: { isInference } });
    expect(own.isInference).toBe(isInference);
    expect(own.readRequest).toBe(defaultAdapter.readRequest);
    expect(own.runtime).toBeUndefined();
  });

  it.each([nodeLlamaCpp, llamaNode, {}])('knows how a model ends, runs and hears', (sdk) => {
    const { disposers, isInference, hasAudio } = detectAdapter(sdk);
    expect(disposers).toBe(defaultAdapter.disposers);
    expect([isInference('generate'), hasAudio([{ audio: 'a.wav' }])]).toEqual([true, true]);
  });

  it('is the default one if the SDK answers every key, or throws for those it does not know', () => {
    const answering = (): object => new Proxy(() => {}, { get: answering, has: () => true, apply: answering });
    const strict = new Proxy(
      { loadModel() {} },
      {
        get(target, key) {
          if (key in target) return target[key as 'loadModel'];
          throw new Error(`unknown key ${String(key)}`);
        },
      },
    );
    expect(detectAdapter(answering())).toBe(defaultAdapter);
    expect(detectAdapter(strict)).toBe(defaultAdapter);
  });
});
