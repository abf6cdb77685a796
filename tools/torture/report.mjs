/** What a torture run prints: progress, each kind of violation once in full, a table of seeds and the closing line. It runs nothing. */

/** @typedef {import('./arguments.mjs').TortureArguments} TortureArguments */
/** @typedef {import('./arguments.mjs').Engine} Engine */
/** @typedef {{ engine: Engine, seed: number, world: number, invariant: string, found: string, tail: readonly string[], options: object }} FoundViolation */
/** @typedef {{ engine: Engine, seed: number, worlds: number, steps: number, violations: number, known: number, skipped?: string }} SeedRow */

/** So many of one kind are told; all are counted. */
const MOST_TOLD = 4;

export class TortureReport {
  /** @type {SeedRow[]} */
  rows = [];
  /** How often each invariant broke. @type {Map<string, number>} */
  counts = new Map();
  #json;
  #terminal = process.stderr.isTTY === true;

  /** @param {boolean} json */
  constructor(json) {
    this.#json = json;
  }

  /** @param {FoundViolation} violation @param {string} command that shows it again */
  tellViolation(violation, command) {
    const { engine, invariant, found, seed, world, tail, options } = violation;
    const kind = `${engine}: ${invariant}`;
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (this.#json) return console.log(JSON.stringify({ violation: { ...violation, command } }));
    this.#clear();
    if (count > MOST_TOLD) return;
    if (count > 1) return console.log(`${kind} again: ${found} (seed ${seed}, world ${world})`);
    console.log(
      `\n${kind}\n  ${found}\n  options: ${JSON.stringify(options)}\n${tail.map((line) => `  ${line}`).join('\n')}`,
    );
    console.log(`  replay: ${command}\n`);
  }

  /** @param {SeedRow} row */
  tellProgress({ engine, seed, worlds, steps, violations }) {
    if (!this.#terminal || this.#json) return;
    process.stderr.write(`\r\x1b[Kseed ${seed}, ${engine}: ${worlds} worlds, ${steps} steps, ${violations} violations`);
  }

  /** @param {SeedRow} row */
  tellSeed(row) {
    this.rows.push(row);
    this.#clear();
    if (this.#json) console.log(JSON.stringify({ seed: row }));
    else if (row.skipped !== undefined) console.log(`seed ${row.seed}, ${row.engine}: skipped, since ${row.skipped}`);
  }

  /** Returns how many violations there were. */
  close() {
    const ran = this.rows.filter(({ skipped }) => skipped === undefined);
    const sum = (/** @type {'worlds' | 'steps' | 'violations' | 'known'} */ key) =>
      ran.reduce((total, row) => total + row[key], 0);
    if (this.#json) return sum('violations');
    const widths = [12, 8, 8, 10, 12, 8];
    const print = (/** @type {readonly unknown[]} */ cells) =>
      console.log(cells.map((cell, index) => String(cell).padStart(widths[index] ?? 8)).join(''));
    print(['seed', 'engine', 'worlds', 'steps', 'violations', 'known']);
    for (const { seed, engine, worlds, steps, violations, known } of ran)
      print([seed, engine, worlds, steps, violations, known]);
    for (const [kind, count] of this.counts) console.log(`  ${count} x ${kind}`);
    const known = sum('known') > 0 ? `, ${sum('known')} known` : '';
    console.log(`${sum('steps')} steps in ${sum('worlds')} worlds: ${sum('violations')} violations${known}`);
    return sum('violations');
  }

  #clear() {
    if (this.#terminal && !this.#json) process.stderr.write('\r\x1b[K');
  }
}
