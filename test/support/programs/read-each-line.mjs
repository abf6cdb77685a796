/** Answers every line on stdin with a reading of both readers, which stay open from line to line. Needs `lib/`. */
import { createInterface } from 'node:readline';
import { openReader } from '../../../lib/sensors/open-reader.js';

const readers = /** @type {const} */ (['native', 'procfs']).map((prefer) => openReader({ prefer }));
createInterface(process.stdin).on('line', () => {
  const answer = readers.map((reader) => {
    const { source, ancestorsHidden, limitedBy, scopes } = reader.snapshot();
    const paths = scopes.map((scope) => scope.path);
    return { source, ancestorsHidden, limitedBy: limitedBy.path, paths, ...reader.measure() };
  });
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
