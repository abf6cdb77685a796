import { describe, expect, it } from 'vitest';
import { runCommandForJson } from '../support/run-command.ts';

const plan = (words: string) => runCommandForJson(`plan m --footprint 2GiB --memory 4GiB ${words}`.trim());

describe('what must stay free, on the command line', () => {
  it('decides a plan, as the guard that loads would', async () => {
    expect((await plan('')).code).toBe(0);
    expect(await plan('--min-free 3GiB')).toMatchObject({
      code: 3,
      value: { decision: { verdict: 'refuse', reason: 'too-large' } },
    });
    expect((await plan('--min-free 2GiB --min-free-ratio 0.5')).code).toBe(0);
    expect((await plan('--min-free-ratio 0.51')).code).toBe(3);
  });

  it('decides the status that `doctor` tells', async () => {
    const { value } = await runCommandForJson('doctor --min-free 1000TiB');
    expect(value.headroom).toMatchObject({ status: 'critical', minFreeBytes: 1000 * 2 ** 40 });
    expect((await runCommandForJson('doctor --min-free 0')).value.headroom.status).toBe('ok');
  });
});
