/** The command line of the torture run: what is accepted, the defaults, and what is wrong with it in one sentence. */
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run torture -- [--seed N] [--seeds K] [--seconds S] [--engine fake|memory|llama|all] [--faults LIST] [--world W] [--past LIST] [--json]
  --seed N       the first seed; a random one if it is left out
  --seeds K      so many seeds, N, N+1 and so on (1)
  --seconds S    how long each seed runs, over all engines (30)
  --engine E     fake: an SDK in this process on an imagined machine, replayed exactly; memory: touched buffers in a control
                 group; llama: a real engine with tiny models; all (all)
  --faults LIST  of sdk,calls,peers,groups,directory,disk, or none (all of them)
  --world W      one world of a seed alone: what a violation's line says
  --past LIST    invariants whose breach is counted as known, so that a world goes on after it
  --json         one line of JSON for each seed and violation`;

/** @typedef {'fake' | 'memory' | 'llama'} Engine */
/** @typedef {{ seed: number, seeds: number, seconds: number, engines: readonly Engine[], faults: readonly string[], world: number | undefined, past: readonly string[], json: boolean }} TortureArguments */

export const ENGINES = /** @type {const} */ (['fake', 'memory', 'llama']);
export const FAULTS = /** @type {const} */ (['sdk', 'calls', 'peers', 'groups', 'directory', 'disk']);

/** @param {readonly string[]} args @returns {TortureArguments | string} what is wrong, in one sentence */
export function readArguments(args) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string' },
        seeds: { type: 'string', default: '1' },
        seconds: { type: 'string', default: '30' },
        engine: { type: 'string', default: 'all' },
        faults: { type: 'string', default: FAULTS.join() },
        world: { type: 'string' },
        past: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
      },
    });
    const seed =
      values.seed === undefined
        ? Math.floor(performance.timeOrigin * 1000) % 2 ** 31
        : readWhole('seed', values.seed, 0);
    const engines = ENGINES.filter((engine) => values.engine === 'all' || values.engine === engine);
    if (engines.length === 0)
      throw new Error(`Expected --engine to be ${ENGINES.join(', ')} or all, got ${values.engine}.`);
    const faults = values.faults === 'none' ? [] : values.faults.split(',');
    const unknown = faults.find((fault) => !FAULTS.includes(/** @type {any} */ (fault)));
    if (unknown !== undefined) throw new Error(`Expected --faults to be none or of ${FAULTS.join()}, got ${unknown}.`);
    return {
      seed,
      seeds: readWhole('seeds', values.seeds, 1),
      seconds: readWhole('seconds', values.seconds, 1),
      engines,
      faults,
      world: values.world === undefined ? undefined : readWhole('world', values.world, 0),
      past: values.past.split(','),
      json: values.json,
    };
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/** @param {string} name @param {string} text @param {number} least */
function readWhole(name, text, least) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`Expected --${name} to be a whole number >= ${least}, got ${text}.`);
}
