// Measured rows in a file, one a line as they come, so that an interrupted run can go on. It knows nothing of what they mean.
import fs from 'node:fs';

/**
 * What one load said and took; `at` says when it ended, `engine`, `node` and `cpu` with what.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} at
 * @property {string} engine
 * @property {string} node
 * @property {string} cpu
 * @property {import('../../tools/engine-load.mjs').Said} said MiB
 * @property {import('../../tools/engine-load.mjs').Measured} measured
 * @property {number} peakAnonymousBytes
 */

export class Rows {
  #file;
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /**
   * Rows of another engine, Node or CPU in the file are left alone and measured again.
   * @param {string} file @param {Pick<Row, 'engine' | 'node' | 'cpu'>} now
   */
  constructor(file, now) {
    this.#file = file;
    if (!fs.existsSync(file)) return;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      // The last line of an interrupted run may be half a line.
      if (!line.endsWith('}')) continue;
      const row = /** @type {Row} */ (JSON.parse(line));
      if (row.engine === now.engine && row.node === now.node && row.cpu === now.cpu) this.#rows.set(row.name, row);
    }
  }

  /** @param {string} name */
  get(name) {
    return this.#rows.get(name);
  }

  /** @param {Row} row */
  add(row) {
    this.#rows.set(row.name, row);
    fs.appendFileSync(this.#file, `\n${JSON.stringify(row)}`);
  }
}
