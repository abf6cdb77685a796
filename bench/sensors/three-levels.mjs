/** Runs a bench in three nested control groups with limits, as a pod has them, or says why it can't. It knows no bench. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ControlGroup, whyNoControlGroups } from '../../tools/control-groups.mjs';

const MiB = 2 ** 20;
const PLACE = /** @type {const} */ ({ version: 1, atRoot: true });

/**
 * Calls `measure` in the innermost group: this program is started once more there.
 *
 * @param {string} url The program's own `import.meta.url`.
 * @param {() => unknown} measure
 */
export async function measureInThreeLevels(url, measure) {
  const whyNot = whyNoControlGroups(PLACE);
  if (process.argv[2] === 'inside') {
    await measure();
  } else if (whyNot === undefined) {
    process.exitCode = await runInside(fileURLToPath(url));
  } else {
    console.log(`No three-level group could be made (${whyNot}); measured in the group this runs in:`);
    console.log(readFileSync('/proc/self/cgroup', 'utf8').trim());
    await measure();
  }
}

/** The exit code of the program in the innermost of three groups. @param {string} program */
async function runInside(program) {
  const options = { ...PLACE, limitBytes: 1024 * MiB };
  return await ControlGroup.use(`nexa-memory-guard-bench-${process.pid}`, options, async (top) => {
    const innermost = top.createChild('pod', 768 * MiB).createChild('app', 512 * MiB);
    const command = [process.execPath, ...process.execArgv, program, 'inside'];
    const [code] = await once(innermost.spawn(command, { stdio: 'inherit' }), 'exit');
    return code ?? 1;
  });
}
