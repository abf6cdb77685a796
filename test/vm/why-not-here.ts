/** Says once for all tests of this folder whether they can run here, and why not; it boots nothing. */
import { existsSync } from 'node:fs';
import { whyNoVm } from '../../tools/vm/run-in-vm.mjs';

const BUILT = ['dist/index.js', 'build/Release/nexa_memory_guard.node'];
const unbuilt = BUILT.find((file) => !existsSync(new URL(`../../${file}`, import.meta.url)));

export const whyNotHere = unbuilt === undefined ? whyNoVm() : `${unbuilt} is not built (npm run compile)`;
if (whyNotHere !== undefined) console.warn(`skipped: control groups v2 on a real kernel, since ${whyNotHere}`);
