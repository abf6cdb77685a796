// Measured rows in a file, one a line as they come, so that an interrupted run can go on. It knows nothing of what they mean.
import fs from 'node:fs';

/**
 * What one load in one engine said and took; `at` says when it ended, `engine`, `version`, `node` and `cpu` with what.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} at
 * @property {string} engine
 * @property {string} version
 * @property {string} node
 * @property {string} cpu
 * @property {string} [problem] why it did not load
 * @property {import('./said-buffers.mjs').Said} [said] MiB
 * @property {import('./memory-meter.mjs').Taken & { tokens: number, loadMs: number, theirs?: number | string }} [measured]
 */
/** @typedef {Pick<Row, 'name' | 'engine' | 'version' | 'node' | 'cpu'>} Facts */

export class Rows {
  #file;
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** @param {string} file */
  constructor(file) {
    this.#file = file;
    if (!fs.existsSync(file)) return;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      // The last line of an interrupted run may be half a line.
      if (!line.endsWith('}')) continue;
      const row = /** @type {Row} */ (JSON.parse(line));
      this.#rows.set(nameRow(row), row);
    }
  }

  /** Rows of another version, Node or CPU are left alone and measured again. @param {Facts} facts */
  get(facts) {
    return this.#rows.get(nameRow(facts));
  }

  /** @param {Row} row */
  add(row) {
    this.#rows.set(nameRow(row), row);
    fs.appendFileSync(this.#file, `\n${JSON.stringify(row)}`);
  }
}

/** @param {Facts} facts */
function nameRow({ name, engine, version, node, cpu }) {
  return JSON.stringify([name, engine, version, node, cpu]);
}
