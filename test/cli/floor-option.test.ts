import { describe, expect, it } from 'vitest';
import { FLOOR_OPTION } from '../../src/cli/floor-option.ts';
import { runCommand } from '../support/run-command.ts';

describe('the option `--floor`', () => {
  it('takes a step of the ladder and names the floor that holds without it', () => {
    expect(FLOOR_OPTION.floor.check('IQ3_XXS', '--floor')).toBe('IQ3_XXS');
    expect(FLOOR_OPTION.floor.help).toContain('Q4_0 without it');
  });

  it.each(['plan', 'run'])('is an option of `%s`, where a type that nobody knows is refused', async (command) => {
    const { code, err } = await runCommand(`${command} qwen2audio --floor Q4`);
    expect(code).toBe(4);
    expect(err).toMatch(/ERR_UNKNOWN_QUANTIZATION: Expected `--floor` to be one of F32, .*, Q1_0, got 'Q4'/);
  });
});
