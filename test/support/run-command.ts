/** Runs the command line in this process, on streams that keep what is written. */
import { runCommandLine } from '../../src/cli/command-line.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';

/** The version that a command line started here tells. */
export const VERSION = '1.2.3';

/** Runs the words between the spaces of `line`. */
export async function runCommand(line: string, io: FakeIo = fakeIo()) {
  const code = await runCommandLine(line === '' ? [] : line.split(' '), io, VERSION);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** The same with `--json`, and the object that is printed. */
export async function runCommandForJson(line: string) {
  const { code, out } = await runCommand(`${line} --json`);
  return { code, value: JSON.parse(out) };
}
