/** Prints the demo: headings, rows, and one line that moves while something takes long. */
import { formatBytes } from 'nexa-memory-guard';

const terminal = process.stdout.isTTY === true;
const bold = (/** @type {string} */ text) => (terminal && !process.env['NO_COLOR'] ? `\x1b[1m${text}\x1b[0m` : text);

/** Whether the last row may still grow. */
let open = false;

/** @param {string} text */
export function printHeading(text) {
  endRow();
  console.log(`\n${bold(text)}`);
}

/** @param {string} label @param {string} text */
export function printRow(label, text) {
  endRow();
  console.log(`  ${label.padEnd(12)} ${text}`);
}

/** The next piece of a row that grows; if another row came between, it goes on in a row of its own. @param {string} label @param {string} text */
export function growRow(label, text) {
  if (!open) process.stdout.write(`  ${label.padEnd(12)} `);
  process.stdout.write(text);
  open = true;
}

function endRow() {
  if (open) process.stdout.write('\n');
  open = false;
}

/** @param {import('nexa-memory-guard').MemorySnapshot} snapshot */
export function showSnapshot({ scopes, limitedBy, availableBytes, source }) {
  for (const scope of scopes) {
    const limit = formatBytes(scope.limitBytes ?? Number.POSITIVE_INFINITY);
    const binds = scope === limitedBy ? '  <- binds' : '';
    printRow(
      scope.kind,
      `${formatBytes(scope.availableBytes).padStart(10)} available of ${limit.padStart(10)}  ${shortenPath(scope.path)}${binds}`,
    );
  }
  printRow(
    '',
    `${formatBytes(availableBytes).padStart(10)} can be taken before this process is killed (source: ${source})`,
  );
}

/** @param {import('nexa-memory-guard').Decision} plan */
export function showPlan({ candidates, headroomBytes }) {
  printRow('headroom', formatBytes(headroomBytes));
  for (const { quantization, need, admitted, rules } of candidates) {
    const refused = rules
      .filter((rule) => !rule.passed)
      .map(
        (rule) =>
          `${rule.rule}: needs ${formatBytes(rule.requiredBytes)}, lacks ${formatBytes(rule.requiredBytes - rule.foundBytes)}`,
      );
    const size =
      need.basis === 'unknown'
        ? 'nobody knows what it needs'
        : `${formatBytes(need.mappedBytes)} mapped + ${formatBytes(need.anonymousBytes)} anonymous`;
    printRow(quantization ?? 'model', `${size.padEnd(42)} ${admitted ? 'fits' : `refused by ${refused.join('; ')}`}`);
  }
}

/** @param {string} path */
function shortenPath(path) {
  return path.length <= 44 ? path : `...${path.slice(-41)}`;
}
