import { expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { countHeardBytes } from '../../src/core/heard-bytes.ts';

const once = { samples: 0, processors: 1, decoders: 1 };
const predicted = {
  mappedBytes: 0,
  anonymousAfterLoadBytes: 100 * MiB,
  anonymousAfterCallBytes: 300 * MiB,
  laterBytes: 60 * MiB,
};

it('a sound takes by its length, and half an hour more than 300 MiB', () => {
  const halfHour = countHeardBytes({ ...once, samples: 1800 * 16_000 });
  expect(halfHour).toBeGreaterThan(300 * MiB);
  expect(halfHour).toBeLessThan(330 * MiB);
});

it('decoders that a model has not used yet are reserved with each call, and more of them if more are asked for', () => {
  const bare = countHeardBytes(once);
  expect(countHeardBytes(once, predicted) - bare).toBe(60 * MiB);
  expect(countHeardBytes({ ...once, decoders: 8 }, predicted) - bare).toBe(90 * MiB);
});

it('each further processor takes what a model does', () => {
  expect(countHeardBytes({ ...once, processors: 3 }, predicted) - countHeardBytes(once, predicted)).toBe(600 * MiB);
});
