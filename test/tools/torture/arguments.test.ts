/** What the command line of the torture run takes, and what it refuses in one sentence. */
import { describe, expect, it } from 'vitest';
import { ENGINES, FAULTS, readArguments } from '../../../tools/torture/arguments.mjs';

describe('the arguments of the torture run', () => {
  it('have defaults, and a seed of their own', () => {
    const read = readArguments([]);
    expect(read).toMatchObject({ seeds: 1, seconds: 30, engines: ENGINES, faults: FAULTS, json: false });
    expect(read).toHaveProperty('seed', expect.any(Number));
  });

  it('are read', () => {
    const args = '--seed 4 --seeds 2 --seconds 9 --engine fake --faults sdk,peers --world 3 --past a,b --json';
    expect(readArguments(args.split(' '))).toEqual({
      seed: 4,
      seeds: 2,
      seconds: 9,
      engines: ['fake'],
      faults: ['sdk', 'peers'],
      world: 3,
      past: ['a', 'b'],
      json: true,
    });
    expect(readArguments(['--faults', 'none'])).toMatchObject({ faults: [] });
  });

  it.each([
    ['--seed x', 'Expected --seed to be a whole number >= 0, got x.'],
    ['--seconds 0', 'Expected --seconds to be a whole number >= 1, got 0.'],
    ['--engine potato', 'Expected --engine to be fake, memory, llama or all, got potato.'],
    ['--faults potato', /^Expected --faults to be none or of sdk,.*, got potato\.$/],
    ['--potato', /potato/],
  ])('refuse %s', (args, sentence) => {
    const refused = readArguments(args.split(' '));
    expect(typeof refused).toBe('string');
    expect(refused).toMatch(sentence);
  });
});
