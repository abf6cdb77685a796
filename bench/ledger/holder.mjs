/** A process of the ledger's bench: holds a promise, takes memory and decides again and again if it is told to. */
import { withMemoryGuard } from 'nexa-memory-guard';

const [, , directory = '', takes = '0', decides = 'no'] = process.argv;
/** @param {string} _name @param {object} [_options] */
const loadModel = async (_name, _options) => ({ dispose: async () => {} });
const nexa = withMemoryGuard({ loadModel }, { ledger: { directory }, minFreeRatioAfterLoad: 0, minFreeBytes: 0 });
const model = await nexa.loadModel('held', { memoryGuard: { footprint: 1 } });
const taken = Buffer.alloc(Number(takes), 1);
process.send?.('ready');
process.on('disconnect', () => process.exit());
while (decides === 'yes') {
  const other = await nexa.loadModel('other', { memoryGuard: { footprint: 1 } });
  await other.dispose();
}
setInterval(() => [model, taken], 2 ** 30);
