import { describe, expect, it } from 'vitest';
import { nameLoaded } from '../../src/core/loaded-name.ts';

describe('the name of what was loaded', () => {
  it.each([
    ['models/m-Q5_K_M.gguf', '/srv/models/m-Q5_K_M.gguf', '/srv/models/m-Q4_0.gguf', 'models/m-Q4_0.gguf'],
    ['m-Q5_K_M', '/srv/models/m-Q5_K_M.gguf', '/srv/models/m-Q4_0.gguf', 'm-Q4_0'],
    ['C:\\models\\m-Q5_K_M.gguf', 'C:\\models\\m-Q5_K_M.gguf', 'C:\\models\\m-Q4_0.gguf', 'C:\\models\\m-Q4_0.gguf'],
    ['q/m-q.gguf', '/q/m-q.gguf', '/q/m-small.gguf', 'q/m-small.gguf'],
  ])('%s, of which another file was loaded', (asked, askedPath, loadedPath, name) => {
    expect(nameLoaded(asked, askedPath, loadedPath)).toBe(name);
  });

  it.each([
    ['is the one that was asked for, if that was loaded', 'm-Q4_0.gguf', '/a/m-Q4_0.gguf', '/a/m-Q4_0.gguf'],
    ['stays if it names no file', 'qwen2audio', '/a/qwen-Q5_K_M.gguf', '/a/qwen-Q4_0.gguf'],
    ['stays if the files are not known', 'm-Q5_K_M.gguf', undefined, '/a/m-Q4_0.gguf'],
    ['stays if nobody knows what was loaded', 'm-Q5_K_M.gguf', '/a/m-Q5_K_M.gguf', undefined],
    ['stays beside a file without a name', 'm', '/a/.gguf', '/a/m-Q4_0.gguf'],
  ])('%s', (_what, asked, askedPath, loadedPath) => {
    expect(nameLoaded(asked, askedPath, loadedPath)).toBe(asked);
  });
});
