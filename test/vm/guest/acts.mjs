/** Ends a guest in one way or another, for the test of the harness. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { input, report } from '../../../tools/vm/guest/report.mjs';

const { act, ...rest } = input();
report({ act, ...rest });

switch (act) {
  case 'tell':
    report({
      node: process.version,
      cpus: availableParallelism(),
      memoryMiB: totalmem() / 2 ** 20,
      modules: readFileSync('/proc/modules', 'utf8')
        .split('\n')
        .map((line) => line.split(' ')[0]),
      controllers: readFileSync('/sys/fs/cgroup/cgroup.subtree_control', 'utf8').trim(),
      perl: execFileSync('perl', ['-e', 'print 6 * 7'], { encoding: 'utf8' }),
      licence: readFileSync('/package/LICENSE', 'utf8').length,
      disk: readdirSync('/disk'),
    });
    // Longer than any buffer on the way, with everything that a line must not be torn by.
    report('line\nbreak \u{1F4BE} '.repeat(20_000));
    break;
  case 'throw':
    throw new Error('thrown in the guest');
  case 'panic':
    writeFileSync('/proc/sysrq-trigger', 'c');
    break;
  case 'hang':
    setInterval(() => {}, 1000);
    break;
  default:
    process.exitCode = 3;
}
