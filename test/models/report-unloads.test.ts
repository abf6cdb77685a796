import { describe, expect, it } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { describeUnload } from '../../src/models/report-unloads.ts';

describe('what is said of a model that is gone', () => {
  it('is what came back, where that is known', () => {
    expect(describeUnload('m Q4_0', 'unloaded', { freedBytes: 3 * GiB, elapsedMs: 41.6 })).toBe(
      'Unloaded m Q4_0; 3.0 GiB came back in 42 ms.',
    );
    expect(describeUnload('m', 'unloaded', { elapsedMs: 1 })).toBe('Unloaded m.');
    expect(describeUnload('m', 'unloaded', { freedBytes: 1 * GiB, elapsedMs: 5 }, 2)).toBe(
      'Unloaded m; 1.0 GiB came back in 5 ms, with 2 others.',
    );
    expect(describeUnload('m', 'leaked', { elapsedMs: 1 })).toBe(
      'The handle of m was lost without being disposed: the model was disposed.',
    );
  });
});
