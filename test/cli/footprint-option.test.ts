import { describe, expect, it } from 'vitest';
import { runCommand, runCommandForJson } from '../support/run-command.ts';

describe('a footprint that is given on the command line', () => {
  it('plans a model of which nobody knows the need', async () => {
    const { value } = await runCommandForJson('plan mine --footprint 3GiB --memory 8GiB');
    expect(value.decision).toMatchObject({ verdict: 'admit', need: { basis: 'given', anonymousBytes: 3 * 2 ** 30 } });
    expect(value.rows).toHaveLength(1);
  });

  it('is asked for by its own name, and never by that of the package’s option', async () => {
    const { code, err } = await runCommand('plan mine --memory 8GiB');
    expect(code).toBe(4);
    expect(err).not.toContain('memoryGuard');
  });
});
