import { expect, it } from 'vitest';
import { judgeHeadroom } from '../../src/cli/judge-headroom.ts';
import { GiB, MiB } from '../../src/index.ts';

it('headroom is judged by what is to stay free, and by the total if nobody says', () => {
  const judge = (mib: number, totalBytes: number) => judgeHeadroom({ headroomBytes: mib * MiB, totalBytes }).status;
  const levels = ['critical', 'warning', 'warning', 'ok'];
  expect([511, 512, 1023, 1024].map((mib) => judge(mib, 16 * GiB))).toEqual(levels);
  expect([63, 64, 127, 128].map((mib) => judge(mib, 1 * GiB))).toEqual(levels);
  expect(judgeHeadroom({ headroomBytes: 511 * MiB, totalBytes: 16 * GiB }, 1 * MiB)).toEqual({
    status: 'ok',
    minFreeBytes: 1 * MiB,
  });
});
