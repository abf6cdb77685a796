import { expect, test } from 'vitest';
import { completeLibraryShape } from '../../src/sdk/library-shape.ts';

const LINUX = { platform: 'linux', arch: 'x64' } as const;

test('the newer generation maps on Linux on the CPU, copies some types, and computes with flash attention', () => {
  expect(completeLibraryShape({ contextSize: 7, mmap: true }, 'geniex-0.5', undefined, LINUX)).toEqual({
    contextSize: 7,
    mmap: true,
    flashAttention: 'on',
    repack: ['Q4_0', 'Q4_K', 'Q2_K', 'IQ4_NL', 'MXFP4'],
    logits: 'last',
  });
  const arm = { platform: 'linux', arch: 'arm64' } as const;
  expect(completeLibraryShape(undefined, 'geniex-0.3', undefined, arm)).toMatchObject({ mmap: true, repack: 'auto' });
});

test('with layers on a device, and on Windows, it maps nothing', () => {
  const layers = { gpuLayers: 99 };
  const on = (deviceId: unknown) => completeLibraryShape(layers, 'geniex-0.5', deviceId, LINUX);
  expect(on('GPU0')).toMatchObject({ mmap: false, flashAttention: 'off', gpuLayers: 99 });
  expect(on(undefined)).toMatchObject({ mmap: false, flashAttention: 'on' });
  const windows = { platform: 'win32', arch: 'x64' } as const;
  expect(completeLibraryShape({ gpuLayers: 0 }, 'geniex-0.5', undefined, windows)).toMatchObject({ mmap: false });
});

test('the older generation maps nothing anywhere', () => {
  expect(completeLibraryShape({ mmap: true, contextSize: 7 }, 'nexa-1.0', undefined)).toEqual({
    contextSize: 7,
    mmap: false,
    logits: 'last',
  });
});
