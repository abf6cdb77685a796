// What agents' users report most, for real, with and without the guard: six workers that each load an embedder at boot, and one small
// embedder whose default context takes many times its size. Each in a control group of its own. Needs root.
//   npm run compile && node bench/agents/agents.mjs
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlGroup } from '../../tools/control-groups.mjs';
import { writeEmbedder } from './embedder.mjs';

const MiB = 2 ** 20;
const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const HOLD_MS = 1000;

/** @typedef {{ name: string, workers: number, context: string, limitMiB: number }} Case */
/** @type {Case[]} */
const CASES = [
  { name: 'six workers at boot, 2048 tokens each', workers: 6, context: '2048', limitMiB: 2048 },
  { name: 'one embedder, default context', workers: 1, context: 'default', limitMiB: 3072 },
];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nexa-agents-'));
try {
  const model = path.join(folder, 'embedder.gguf');
  const { fileBytes } = writeEmbedder(model);
  console.log(`an embedder of ${(fileBytes / MiB).toFixed(0)} MiB\n`);
  console.log(
    `${''.padEnd(54)}${'served'.padStart(6)}${'killed'.padStart(8)}${'peak MiB'.padStart(10)}${'s'.padStart(7)}`,
  );
  for (const each of CASES.slice(Number(process.argv[2] ?? 0)))
    for (const mode of each.workers > 1 ? ['plain', 'wrapped', 'guarded'] : ['plain', 'guarded'])
      await runCase(each, mode, model);
} finally {
  fs.rmSync(folder, { recursive: true });
}

/** @param {Case} each @param {string} mode @param {string} model */
async function runCase({ name, workers, context, limitMiB }, mode, model) {
  const options = { version: /** @type {const} */ (1), atRoot: true, limitBytes: limitMiB * MiB };
  await ControlGroup.use(`nexa-agents-${process.pid}`, options, async (group) => {
    const startMs = performance.now();
    let peakBytes = 0;
    const timer = setInterval(() => {
      const rss = /^total_rss (\d+)/m.exec(fs.readFileSync(path.join(group.directory, 'memory.stat'), 'utf8'));
      peakBytes = Math.max(peakBytes, Number(rss?.[1]));
    }, 20);
    const ended = await Promise.all(
      Array.from({ length: workers }, () => runWorker(group, [model, mode, context, String(HOLD_MS)])),
    );
    clearInterval(timer);
    const served = ended.filter(({ code }) => code === 0).length;
    const killed = ended.filter(({ signal, code }) => signal === 'SIGKILL' || code === 137).length;
    const label = `${limitMiB} MiB, ${name}${mode === 'plain' ? '' : `, ${mode}`}`;
    const seconds = (performance.now() - startMs) / 1000;
    console.log(
      `${label.padEnd(56)}${`${served}`.padStart(4)}${`${killed}`.padStart(8)}${(peakBytes / MiB).toFixed(0).padStart(10)}${seconds.toFixed(1).padStart(7)}`,
    );
    const said = ended.find(({ reason }) => reason)?.reason;
    if (said && workers === 1) console.log(`  ${said.replaceAll(`${path.dirname(model)}/`, '')}`);
    for (const { error } of ended) if (error) console.log(`  ${error}`);
  });
}

/** @param {ControlGroup} group @param {string[]} args @returns {Promise<{ code: number | null, signal: string | null, reason?: string | undefined, error?: string | undefined }>} */
function runWorker(group, args) {
  // Without what earlier runs on this machine have taught.
  const env = { ...process.env, NODE_OPTIONS: '', XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder };
  const child = group.spawn([process.execPath, WORKER, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = ['', ''];
  for (const [index, stream] of [child.stdout, child.stderr].entries()) {
    stream?.on('data', (data) => {
      texts[index] += data;
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      const [said = '', printed = ''] = texts;
      const reason = said === '' ? undefined : JSON.parse(said).reason;
      resolve({ code, signal, reason, error: /MemoryGuardError.*|\w*Error: .*/.exec(printed)?.[0] });
    });
  });
}
