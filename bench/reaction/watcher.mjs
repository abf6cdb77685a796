/** One watcher in the group: a guard, a program that looks at the same figure every so often, or one that does nothing. Tells each edge with the time. */
import { withMemoryGuard } from 'nexa-memory-guard';

const [, , kind = '', parameter = ''] = process.argv;
const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (/** @type {object} */ message) => process.send?.(message);

/** @param {string} _name @param {object} [_options] */
const loadModel = async (_name, _options) => ({ dispose: async () => {} });
const { everyMs, options } = kind === 'guard' ? { everyMs: 0, options: JSON.parse(parameter) } : JSON.parse(parameter);
// What a poll is to be compared with is when it looks, so it looks at the guard's own figure.
const nexa = withMemoryGuard({ loadModel }, { ledger: 'process', minFreeRatioAfterLoad: 0, ...options });
const model = kind === 'nothing' ? undefined : await nexa.loadModel('m', { memoryGuard: { footprint: 1 } });

if (kind === 'guard') {
  for (const level of /** @type {const} */ (['ok', 'warning', 'critical'])) {
    nexa.guard.on(level, () => tell({ level, atMs: now() }));
  }
} else if (kind === 'poll') {
  let last = 'ok';
  setInterval(() => {
    const { status: level } = nexa.guard.status();
    if (level !== last) tell({ level, atMs: now() });
    last = level;
  }, everyMs);
}

let since = { cpu: process.cpuUsage(), ms: now() };
// What all threads of this process took since it was asked last.
process.on('message', () => {
  const { user, system } = process.cpuUsage(since.cpu);
  tell({ cpuRatio: (user + system) / 1000 / (now() - since.ms) });
  since = { cpu: process.cpuUsage(), ms: now() };
});
process.on('disconnect', () => process.exit());
const { availableBytes, limitedBy } = nexa.guard.snapshot();
tell({ ready: true, availableBytes, reclaimableBytes: limitedBy.reclaimableBytes, limitBytes: limitedBy.limitBytes });
// It lives as long as its parent wants it to; the model must not be collected as lost.
setInterval(() => model, 2 ** 30);
