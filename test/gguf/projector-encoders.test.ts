import { expect, test } from 'vitest';
import type { RuledFile } from '../../src/gguf/header-rule.ts';
import { listEncoders } from '../../src/gguf/projector-encoders.ts';

const KIND = { dims: [1], type: undefined as never, bytes: 1, count: 1, inLayer: false, span: { from: 0, to: 1 } };

function list(keys: Readonly<Record<string, string | boolean | number>>, tensor?: string) {
  const tensors: RuledFile['tensors'] = {
    length: 0,
    kinds: [],
    shards: [],
    find: (name) => (name === tensor ? KIND : undefined),
  };
  const metadata = new Map(Object.entries(keys));
  return listEncoders({ path: '/p.gguf', architecture: 'clip', metadata, types: new Map(), tensors });
}

const HEARS = { 'clip.has_audio_encoder': true };
const SEES = { 'clip.has_vision_encoder': true };

test('encoders are those that the header says are there', () => {
  expect(list({ ...SEES, 'clip.has_audio_encoder': false, 'clip.projector_type': 'gemma3' })).toEqual([
    { kind: 'vision', type: 'gemma3' },
  ]);
  expect(list({})).toEqual([]);
});

test('each kind may have a type of its own', () => {
  const keys = { ...HEARS, ...SEES, 'clip.audio.projector_type': 'lfm2a', 'clip.vision.projector_type': 'lfm2' };
  expect(list(keys)).toEqual([
    { kind: 'audio', type: 'lfm2a' },
    { kind: 'vision', type: 'lfm2' },
  ]);
});

test('a type that is no text is none', () => {
  expect(list({ ...HEARS, 'clip.projector_type': 1 })).toEqual([{ kind: 'audio', type: '' }]);
});

test('one name stands for two types', () => {
  expect(list({ ...HEARS, ...SEES, 'clip.projector_type': 'qwen2.5o' })).toEqual([
    { kind: 'audio', type: 'qwen2a' },
    { kind: 'vision', type: 'qwen2.5vl_merger' },
  ]);
  expect(list({ ...SEES, 'clip.projector_type': 'mlp' })).toEqual([{ kind: 'vision', type: 'mlp' }]);
  expect(list({ ...SEES, 'clip.projector_type': 'mlp' }, 'mm.3.weight')).toEqual([
    { kind: 'vision', type: 'mlp_norm' },
  ]);
});
