/** That the test double dies of what the real library dies of, so that the tests which must not make it die can fail. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { makeTinyModels, type TinyModels } from '../tiny-models.ts';
import { doubleLibrary } from './libraries.ts';

const MISTAKES = fileURLToPath(new URL('build/Release/mistakes', import.meta.url));

let files: TinyModels;
let wide: TinyModels;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  wide = makeTinyModels({ projector: 'F32' });
});
afterAll(() => {
  files.remove();
  wide.remove();
});

function make(library: string, mistake: string, { projector }: TinyModels = files) {
  const { status, signal, stderr, error } = spawnSync(MISTAKES, [library, files.model(), projector, mistake]);
  if (error) throw error;
  return { status, signal, stderr: String(stderr) };
}

describe.each(LAYOUTS)('the double of %s', (layout) => {
  const library = doubleLibrary(layout);

  test('lives if no mistake is made', () => {
    expect(make(library, 'none')).toEqual({ status: 0, signal: null, stderr: '' });
  });

  test.each([
    ['dirty-output', 'llm_apply_chat_template: the output was not zeroed'],
    ['no-projector', 'vlm_generate: a text without the projector'],
    ['empty-prompt', 'llm_generate: an empty prompt on a fresh model'],
    ['null-role', 'llm_apply_chat_template: a role is NULL'],
    ['null-content', 'llm_apply_chat_template: a content is NULL'],
    ['after-destroy', 'llm_generate: with a handle that was destroyed or never made'],
    ['two-threads', 'llm_generate: on two threads at once'],
    ['destroy-twice', 'llm_destroy: with a handle that was destroyed or never made'],
    ['uninitialized', 'llm_create: before init or after deinit'],
    ['deinit-first', 'deinit: 1 models are left'],
    ['free-foreign', 'free: what was not lent, or given back twice'],
  ])('dies of %s', (mistake, complaint) => {
    const { status, signal, stderr } = make(library, mistake);
    expect({ status, signal }).toEqual({ status: null, signal: 'SIGABRT' });
    expect(stderr).toContain(complaint);
  });

  test('dies of convolution kernels in F32 only in its older generation', () => {
    const { signal, stderr } = make(library, 'none', wide);
    if (layout !== 'nexa-1.0') return expect(signal).toBeNull();
    expect(signal).toBe('SIGABRT');
    expect(stderr).toContain('vlm_create: F32 convolution kernels');
  });
});
