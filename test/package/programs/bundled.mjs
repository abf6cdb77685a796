/**
 * What a bundled program finds of the package, told as one line of JSON: a ledger, the addon, and a model in a process of its own. `argv[2]` is
 * its file. Nothing is awaited outside of a function: a module of CommonJS can't.
 */
import { createMemoryGuard, NexaSDK, readMemory, withMemoryGuard } from 'nexa-memory-guard';

/** @param {unknown} found */
const say = (found) => console.log(JSON.stringify(found));
/** @param {any} error */
const fail = ({ code, message }) => ({ code, message });

async function run(modelPath = '') {
  const child = await NexaSDK.initialize().then((sdk) => sdk.dispose(), fail);
  try {
    createMemoryGuard().close();
  } catch (error) {
    return say({ guard: fail(error), child, alone: createMemoryGuard({ ledger: 'process' }).ledger.kind });
  }
  const nexa = withMemoryGuard(await NexaSDK.initialize(), { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
  const model = await nexa.loadModel(modelPath, { contextSize: 256 });
  let text = '';
  for await (const part of model.generate({ prompt: 'Hello', maxTokens: 4, seed: 1 })) text += part;
  say({
    ledger: nexa.guard.ledger.kind,
    source: readMemory().source,
    own: model.pid !== process.pid,
    text: text !== '',
  });
  await nexa.dispose();
  nexa.guard.close();
}

void run(process.argv[2]);
