import { describe, expect, it } from 'vitest';
import { findNodeLlamaCppFiles } from '../../src/adapters/find-engine-files.ts';
import { checkEngine, findEngine } from '../../src/adapters/named-engine.ts';

describe('an engine that is named', () => {
  it('is a package that this program would find, or the paths of a build', async () => {
    expect(checkEngine('node-llama-cpp')).toBe('node-llama-cpp');
    expect(await findEngine('node-llama-cpp').catch(({ code }) => code)).toEqual(
      (await findNodeLlamaCppFiles()) ?? 'ERR_RUNTIME_NOT_FOUND',
    );
    const build = { libraries: ['/opt/libllama.so'], backends: '/opt' };
    expect([checkEngine(build), await findEngine(build)]).toEqual([build, build]);
  });

  it.each([
    [
      'llama',
      "Expected `e` to be @fugood/llama.node, node-llama-cpp, or { libraries, backends? }, got 'llama' (string).",
    ],
    ['toString', /^Expected `e` to be/],
    [{ libraries: [] }, /^Expected `e\.libraries` to be a list of absolute paths/],
    [{ libraries: ['a.so'] }, /^Expected `e\.libraries` to be an absolute path/],
    [{ libraries: ['/a.so'], backends: 'b' }, /^Expected `e\.backends` to be an absolute path/],
  ])('is refused if it is none: %j', (engine, message) => {
    expect(() => checkEngine(engine, 'e')).toThrow(message);
  });
});
