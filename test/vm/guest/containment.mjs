/** Makes delegated groups and others, runs the program of a user without rights in a leaf of each, and reports what it found. It judges nothing. */
import { spawn } from 'node:child_process';
import { chownSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../../tools/control-groups.mjs';
import { report } from '../../../tools/vm/guest/report.mjs';

const MiB = 2 ** 20;
const USER = 1000;
const PROGRAM = fileURLToPath(new URL('contain-models.mjs', import.meta.url));
const DOCTOR = '/package/dist/cli/main.js';
/** Held, then over the limit of 128 MiB. */
const OVER_LIMIT = { limitMib: 64, raisedMib: 128, takeMib: [96, 96] };

/**
 * @typedef {object} Situation
 * @property {boolean} [delegated] The group above the program's is the user's. Default true.
 * @property {boolean} [handedDown] The memory controller is. Default true.
 * @property {Record<string, string | number>} [above] Written to files of the group above.
 * @property {typeof OVER_LIMIT} [task]
 */
/** @type {Record<string, Situation>} */
const SITUATIONS = {
  delegated: {},
  'delegated, and the memory controller is not handed down yet': { handedDown: false },
  'delegated, and killed as a whole': { above: { 'memory.oom.group': 1 } },
  'delegated, with less than the model’s own limit': {
    above: { 'memory.max': 192 * MiB },
    task: { limitMib: 256, raisedMib: 512, takeMib: [32, 224] },
  },
  'delegated, on a machine with less than the model’s own limit': {
    task: { limitMib: 256, raisedMib: 4096, takeMib: [32, 1024] },
  },
  'not delegated': { delegated: false },
};

/** @template T @param {Situation} situation @param {(leaf: ControlGroup) => Promise<T>} action */
async function useGroups({ delegated = true, handedDown = true, above = {} }, action) {
  const group = ControlGroup.create('delegated');
  try {
    const leaf = group.createChild('app');
    if (!handedDown) group.writeFile('cgroup.subtree_control', '-memory');
    for (const [name, value] of Object.entries(above)) group.writeFile(name, value);
    if (delegated) {
      for (const name of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
        chownSync(`${group.directory}/${name}`, USER, USER);
      }
    }
    for (const name of ['', 'cgroup.procs']) chownSync(`${leaf.directory}/${name}`, USER, USER);
    return await action(leaf);
  } finally {
    await group.remove();
  }
}

/** @param {ControlGroup} leaf @param {readonly string[]} args @param {string} input */
async function runAsUser(leaf, args, input) {
  const child = spawn(process.execPath, args, { uid: USER, gid: USER, stdio: ['pipe', 'pipe', 'inherit'] });
  leaf.enter(/** @type {number} */ (child.pid));
  child.stdin.end(input);
  return await text(child.stdout);
}

for (const [name, situation] of Object.entries(SITUATIONS)) {
  const input = `${JSON.stringify(situation.task ?? OVER_LIMIT)}\n`;
  report({ name, ...JSON.parse(await useGroups(situation, (leaf) => runAsUser(leaf, [PROGRAM], input))) });
}
for (const value of [0, 1]) {
  const [json, plain] = await useGroups({ above: { 'memory.oom.group': value } }, async (leaf) => [
    await runAsUser(leaf, [DOCTOR, 'doctor', '--json'], ''),
    await runAsUser(leaf, [DOCTOR, 'doctor'], ''),
  ]);
  const { oomGroup, advice } = JSON.parse(json ?? '');
  report({ name: `doctor, memory.oom.group ${value}`, oomGroup, advice, plain });
}
