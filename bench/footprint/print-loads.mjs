// Prints the table of bench/footprint/footprint.mjs, its summary and what misses. It judges nothing by itself.
import { isGood, judgeLoad, misses, sumBuffers, summarize } from './judge.mjs';
import { sumSaid } from './said-buffers.mjs';

/** @typedef {import('./judge.mjs').Loaded} Loaded */
/** @typedef {import('nexa-memory-guard').Footprint} Footprint */

const MiB = 2 ** 20;

/** Prints all and returns whether it is good. @param {readonly Loaded[]} all */
export function printLoads(all) {
  printTable(all);
  const loaded = all.filter(({ row }) => row.measured !== undefined);
  const judged = loaded.map(judgeLoad);
  const list = (/** @type {(each: Loaded) => number | undefined} */ read) => loaded.flatMap((each) => read(each) ?? []);
  const asked = summarize(
    judged.map((each) => each.asked),
    list(({ predictions }) => predictions.asked?.coldMs),
  );
  const own = summarize(
    judged.map((each) => each.own),
    list(({ predictions }) => predictions.own?.coldMs),
  );
  const theirs = summarize(
    judged.map((each) => each.theirs),
    [],
  );
  console.log('');
  printLine(
    '',
    'loads',
    'within 1 %',
    'within 3 %',
    'lowest',
    'highest',
    'anonymous below the peak',
    'mapped',
    'median ms',
  );
  printLine(...new Array(9).fill('---'));
  for (const [name, each] of /** @type {const} */ ([
    ['the engine, asked', asked],
    ['our own arithmetic', own],
    ['node-llama-cpp', theirs],
  ])) {
    const { count, close, loose, lowest, highest, anonymous, mapped, medianMs } = each;
    printLine(
      name,
      String(count),
      ...[close, loose, lowest, highest, anonymous, mapped].map(formatPercent),
      formatMs(medianMs),
    );
  }
  const good = isGood(all, asked, own);
  const failed = all.filter(({ row }) => row.problem !== undefined);
  const shapes = new Set(loaded.map(({ name }) => name)).size;
  console.log(
    `\n${good ? 'GOOD' : 'BAD'}: ${loaded.length} loads of ${shapes} shapes, ${failed.length} refused by their engine.`,
  );
  for (const each of loaded.filter(misses)) printMiss(each);
  for (const { name, engine, row } of failed) console.log(`- ${name}, ${engine}: not loaded: ${row.problem}`);
  return good;
}

/** @param {readonly Loaded[]} all */
function printTable(all) {
  printLine(
    ...['shape', 'engine', 'it said', 'asked', 'off', 'our own', 'off', 'node-llama-cpp', 'off'],
    ...['anonymous asked', 'our own', 'at peak', 'mapped', 'at peak', 'ms cold', 'from disk', 'our own', 'tokens'],
  );
  printLine(...new Array(18).fill('---'));
  for (const each of all) {
    const { name, engine, predictions, row } = each;
    const { asked, own } = predictions;
    const { said, measured } = row;
    if (!said || !measured) {
      printLine(name, engine, row.problem ?? '', ...new Array(15).fill(''));
      continue;
    }
    const judged = judgeLoad(each);
    printLine(
      ...[name, engine, formatMiB(sumSaid(said))],
      ...[formatMiB(asked && sumBuffers(asked.footprint)), formatPercent(judged.asked.off)],
      ...[formatMiB(own && sumBuffers(own.footprint)), formatPercent(judged.own.off)],
      typeof measured.theirs === 'number' ? formatMiB(measured.theirs) : (measured.theirs ?? ''),
      formatPercent(judged.theirs.off),
      ...[asked?.footprint.anonymousBytes, own?.footprint.anonymousBytes, measured.peakAnonymousBytes].map(formatMiB),
      ...[asked?.footprint.mappedBytes, measured.mappedBytes].map(formatMiB),
      ...[asked?.coldMs, asked?.diskMs, own?.coldMs].map(formatMs),
      String(measured.tokens),
    );
  }
}

/** @param {Loaded} loaded */
function printMiss(loaded) {
  const { name, engine, predictions, row } = loaded;
  const { asked, own } = judgeLoad(loaded);
  const describe = (
    /** @type {string} */ who,
    /** @type {import('./judge.mjs').Deviation} */ each,
    /** @type {Footprint | undefined} */ footprint,
  ) =>
    `${who} ${formatPercent(each.off)}, anonymous ${formatPercent(each.anonymous)}, mapped ${formatPercent(each.mapped)}: ${formatParts(footprint)}`;
  console.log(`- ${name}, ${engine}:`);
  console.log(`  - ${describe('asked', asked, predictions.asked?.footprint)}`);
  console.log(`  - ${describe('our own', own, predictions.own?.footprint)}`);
  const { peakAnonymousBytes, mappedBytes } = row.measured ?? { peakAnonymousBytes: 0, mappedBytes: 0 };
  const said = Object.entries(row.said ?? {}).filter(([, mib]) => mib > 0);
  const words = said.map(([part, mib]) => `${part} ${mib.toFixed(2)}`).join(', ');
  console.log(
    `  - it said ${words}; it took ${formatMiB(peakAnonymousBytes)} anonymous, ${formatMiB(mappedBytes)} mapped`,
  );
  if (predictions.problem) console.log(`  - ${predictions.problem}`);
}

/** @param {Footprint | undefined} footprint */
function formatParts(footprint) {
  if (!footprint) return 'none';
  const { basis, notes } = footprint;
  const parts = Object.entries(footprint).flatMap(([part, bytes]) =>
    typeof bytes === 'number' && bytes > 0 && !part.startsWith('total')
      ? [`${part.replace('Bytes', '')} ${(bytes / MiB).toFixed(2)}`]
      : [],
  );
  return `${parts.join(', ')} (${[basis, ...notes].join('; ')})`;
}

/** @param {...string} cells */
function printLine(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}

/** @param {number | undefined} bytes */
function formatMiB(bytes) {
  return bytes === undefined ? '' : (bytes / MiB).toFixed(1);
}

/** @param {number | undefined} ratio */
function formatPercent(ratio) {
  return ratio === undefined || !Number.isFinite(ratio) ? '' : `${(ratio * 100).toFixed(2)} %`;
}

/** @param {number | undefined} ms */
function formatMs(ms) {
  return ms === undefined || Number.isNaN(ms) ? '' : ms.toFixed(1);
}
