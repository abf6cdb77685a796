/** The command line in this process: what it understands, and how it ends if it doesn't. */
import { describe, expect, it } from 'vitest';
import { fakeIo } from '../support/fake-io.ts';
import { runCommand, runCommandForJson, VERSION } from '../support/run-command.ts';

describe('the command line', () => {
  it('says what there is, and its exit codes', async () => {
    const { code, out } = await runCommand('--help');
    expect(code).toBe(0);
    for (const word of ['doctor', 'plan <model>', 'run <model>', 'watch', '130 ']) expect(out).toContain(word);
    expect(await runCommand('')).toMatchObject({ code: 2, err: out, out: '' });
    for (const word of ['help', '-h']) expect(await runCommand(word)).toMatchObject({ code: 0, out });
    for (const word of ['--version', '-v']) {
      expect(await runCommand(word)).toMatchObject({ code: 0, out: `${VERSION}\n` });
    }
  });

  it.each(['doctor', 'plan', 'run', 'watch'])(
    'has a help for `%s`, with an example that it understands',
    async (name) => {
      const { code, out } = await runCommand(`${name} --help`);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^nexa-memory-guard ${name}`));
      expect(out).toMatch(/--json {2,}\S/);
      const [, words = ''] = /\$ nexa-memory-guard (.*?)(?: \| .*)?\n/.exec(out) ?? [];
      expect(await runCommand(`${words.split(' ').filter((word) => word !== '--json')[0]} --help`)).toMatchObject({
        code: 0,
      });
    },
  );

  it.each([
    ['plna', 'Unknown command `plna`; did you mean `plan`?'],
    ['wat', 'Unknown command `wat`; did you mean `watch`?'],
    ['--hlep', 'Unknown command `--hlep`; did you mean `--help`?'],
    ['bogus', 'Unknown command `bogus`; the commands are doctor, plan, run, watch.'],
    ['--force run', 'Unknown command `--force`; the commands are doctor, plan, run, watch.'],
    ['plan', 'Expected <model> after `plan`, got nothing.'],
    ['plan a b', 'Expected <model> after `plan`, got 2 ("a", "b").'],
    ['doctor x', 'Expected no argument after `doctor`, got 1 ("x").'],
    ['plan a --cotext 5', 'Unknown option `--cotext` of `plan`; did you mean `--context`?'],
    [
      'watch --nope',
      'Unknown option `--nope` of `watch`; its options are --group, --pid, --interval, --count, --min-free, --ledger, --write-nothing, --json, --help.',
    ],
    ['plan a --context', 'Expected `--context <n,n>` to have a value, got nothing.'],
    ['plan a --context many', "Expected `--context` to be a whole number from 1 to 2147483647, got 'many' (string)."],
    [
      'plan a --memory lots',
      'Expected `--memory` to be a safe integer >= 0 or a size such as "512 MiB", got \'lots\' (string).',
    ],
    ['plan a --memory 8', "Expected `--memory` to be 1 MiB or more, for example 8GiB, got '8' (string)."],
    ['watch --interval soon', "Expected `--interval` to be a whole number from 1 to 2147483647, got 'soon' (string)."],
    [
      'watch --interval 1e12',
      'Expected `--interval` to be a whole number from 1 to 2147483647, got 1000000000000 (number).',
    ],
    ['watch --count 0', 'Expected `--count` to be a whole number from 1 to 2147483647, got 0 (number).'],
    ['doctor --ledger=', "Expected `--ledger` to be a path, got '' (string)."],
    ['run a', 'Expected `--prompt` with a text, or `--audio` or `--image` with a file.'],
    ['watch --group a', "Expected `--group` to be an absolute path, got 'a' (string)."],
    ['watch --pid 0', 'Expected `--pid` to be a whole number from 1 to 2147483647, got 0 (number).'],
    [
      'watch --pid 1 --group /a',
      'Expected `--group` or `--pid`, got both: a process is watched with the groups that it is in.',
    ],
    [
      'doctor --min-free lots',
      'Expected `--min-free` to be a safe integer >= 0 or a size such as "512 MiB", got \'lots\' (string).',
    ],
    ['plan a --min-free-ratio 2', 'Expected `--min-free-ratio` to be a number from 0 to 1, got 2 (number).'],
    [
      'doctor -x',
      'Unknown option `-x` of `doctor`; its options are --min-free, --ledger, --write-nothing, --json, --help.',
    ],
    ['run a --prompt b --temperature warm', "Expected `--temperature` to be a number from 0, got 'warm' (string)."],
    [
      'run a --prompt b --wait 1e10',
      'Expected `--wait` to be a number from 0.001 to 2147483, got 10000000000 (number).',
    ],
    ['run a --prompt b --runtime nope', "Expected `--runtime` to be 'nexa' or 'llama', got 'nope' (string)."],
  ])('refuses `%s` in one sentence', async (words, sentence) => {
    expect(await runCommand(words)).toEqual({
      code: 2,
      out: '',
      err: `nexa-memory-guard: ERR_INVALID_OPTION: ${sentence}\n`,
    });
  });

  it.each(['doctor', 'plan', 'run', 'watch'])('prints the help of `%s` for `-h` as for `--help`', async (name) => {
    const long = await runCommand(`${name} --help`);
    expect(long.code).toBe(0);
    expect(await runCommand(`${name} -h`)).toEqual(long);
    expect(await runCommand(`${name} a b --json -h`)).toEqual(long);
    expect(Math.max(...long.out.split('\n').map((line) => line.length))).toBeLessThan(81);
  });

  it('prints what it refuses as an object too if `--json` is among the words', async () => {
    const { code, value } = await runCommandForJson('plna');
    expect(code).toBe(2);
    expect(value).toEqual({
      error: {
        code: 'ERR_INVALID_OPTION',
        name: 'MemoryGuardError',
        message: expect.stringMatching(/^Unknown command/),
      },
    });
  });

  it('writes nothing to a terminal that is no text', async () => {
    const io = fakeIo({ isTTY: true });
    await runCommand('plan --help', io);
    expect(io.stdout.text).not.toContain('\x1b');
  });
});
