import { expect, test } from 'vitest';
import { readFlac } from '../../../src/sdk/audio/read-flac.ts';
import { lookAtBytes } from '../../support/look-at-bytes.ts';
import { makeFlac } from '../../support/sounds.ts';

const read = (content: Buffer) => lookAtBytes(content, readFlac);

/** The header of a block, `length` bytes that are there, and whether it is the last. */
function block(length: number, isLast: boolean, claimed = length): Buffer {
  const made = Buffer.alloc(4 + length);
  made.writeUInt32BE((isLast ? 0x84000000 : 0x04000000) + claimed);
  return made;
}

test.each([
  [{ rate: 44_100, channels: 2, bits: 24, samples: 88_200 }, 2],
  [{ rate: 16_000, channels: 8, bits: 32, samples: 16_000 }, 1],
  [{ rate: 1_048_575, channels: 1, samples: 2 ** 36 - 1 }, (2 ** 36 - 1) / 1_048_575],
])('reads STREAMINFO: %j', async (options, seconds) => {
  await expect(read(makeFlac(options))).resolves.toEqual({
    mostSeconds: seconds,
    leastSeconds: seconds,
    channels: options.channels,
    sampleRate: options.rate,
  });
});

test('walks over the blocks that follow', async () => {
  const blocks = Buffer.concat([block(5000, false), block(0, false), block(3, true)]);
  await expect(read(makeFlac({ blocks }))).resolves.toMatchObject({ mostSeconds: 1 });
});

test.each([
  ['is cut off in STREAMINFO', makeFlac().subarray(0, 41), 'does not begin with STREAMINFO'],
  [
    'begins with another block',
    Buffer.concat([Buffer.from('fLaC'), block(60, true)]),
    'does not begin with STREAMINFO',
  ],
  ['has a longer STREAMINFO', alter(makeFlac(), 7, 35), 'does not begin with STREAMINFO'],
  ['does not say how long it is', makeFlac({ samples: 0 }), 'a FLAC that does not say how long it is'],
  ['has no rate', makeFlac({ rate: 0 }), 'a FLAC of 16 bits at 0 Hz'],
  ['has three bits', makeFlac({ bits: 3 }), 'a FLAC of 3 bits at 16000 Hz'],
  ['ends in its blocks', makeFlac({ blocks: block(3, false) }), 'whose blocks do not end in 1 of them'],
  ['has a block that leads behind the end', makeFlac({ blocks: block(3, true, 4) }), 'is cut off before its sound'],
  [
    'has more blocks than any encoder writes',
    makeFlac({ blocks: Buffer.concat(Array.from({ length: 1001 }, () => block(0, false))) }),
    'whose blocks do not end in 1000 of them',
  ],
])('refuses a file that %s', async (_what, content, found) => {
  await expect(read(content)).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: expect.stringMatching(new RegExp(`${found}; convert it\\.$`)),
  });
});

function alter(content: Buffer, at: number, value: number): Buffer {
  content[at] = value;
  return content;
}
