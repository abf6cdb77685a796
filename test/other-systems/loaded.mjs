/** Ends with 1 and says what is there instead, unless the addon of the working directory's `prebuilds` and no other is loaded. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describeAddonProblem, loadAddon } from '../../src/addon/load-addon.ts';

loadAddon();
const mapped = new Set(readFileSync('/proc/self/maps', 'utf8').match(/\/\S*guard\.node$/gm));
const expected = path.join(process.cwd(), 'prebuilds');
if (mapped.size !== 1 || ![...mapped].every((file) => file.startsWith(expected))) {
  console.error(
    `Expected the addon of ${expected}, got ${describeAddonProblem() ?? ([...mapped].join(', ') || 'none')}`,
  );
  process.exitCode = 1;
}
