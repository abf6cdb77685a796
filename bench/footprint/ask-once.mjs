// Asks an engine in this process, which is fresh, about files that lie side by side, and then once more. The result is the last line that is printed.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { findLlamaNodeFiles, findNodeLlamaCppFiles } from '../../lib/adapters/find-engine-files.js';
import { openEstimator } from '../../lib/footprint/estimator.js';
import { openEngines } from '../../lib/machine/open-engines.js';
import { MARK } from './real-load.mjs';

/** @typedef {{ engine: import('./cases.mjs').EngineName, files: string[], shapes: import('../../lib/footprint/estimator.js').EstimateShape[], leastTokens?: number, directory: string, listens?: boolean }} Request */
/** Milliseconds; `delayMs` is the longest time that the event loop was held up. @typedef {{ openMs: number, askMs: number, againMs: number, delayMs: number | undefined, problem: string | undefined }} Asked */

const [, , text = ''] = process.argv;
const { engine, files, shapes, leastTokens, directory, listens = false } = /** @type {Request} */ (JSON.parse(text));
const found = await { '@fugood/llama.node': findLlamaNodeFiles, 'node-llama-cpp': findNodeLlamaCppFiles }[engine]();
if (!found) throw new Error(`${engine} is not installed.`);
/** @type {string | undefined} */
let problem;
const tellProblem = (/** @type {string} */ message) => {
  problem = message;
};
const engines = openEngines({ directory, hold: () => () => {}, tellProblem });
const openStartMs = performance.now();
const estimators = await Promise.all(files.map((file) => openEstimator(file, undefined, engines.of(found))));
const openMs = performance.now() - openStartMs;
const delay = monitorEventLoopDelay({ resolution: 1 });
if (listens) delay.enable();
const askMs = await time(askAll);
delay.disable();
const againMs = await time(askAll);
for (const each of estimators) {
  const bases = shapes.map((shape) => each.estimate(shape).basis);
  if (bases.some((basis) => basis !== 'engine')) problem ??= `it goes by ${bases.join(', ')}`;
}
engines.close();
const delayMs = listens ? delay.max / 1e6 : undefined;
console.log(`\n${MARK}${JSON.stringify({ openMs, askMs, againMs, delayMs, problem })}`);

/** As a guard does with the files of a ladder. */
async function askAll() {
  await Promise.all(estimators.map((each) => each.ask(shapes, leastTokens ?? Number.POSITIVE_INFINITY)));
}

/** @param {() => Promise<void>} action */
async function time(action) {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}
