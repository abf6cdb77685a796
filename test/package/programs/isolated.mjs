/** A model in a process of its own: loaded, used, disposed, told as one line of JSON. `argv[2]` is its file. */
import { existsSync } from 'node:fs';
import { NexaSDK, withMemoryGuard } from 'nexa-memory-guard';

const [, , modelPath = '', childPath] = process.argv;
const sdk = await NexaSDK.initialize(childPath === undefined ? {} : { childPath });
const nexa = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
const model = await nexa.loadModel(modelPath, { contextSize: 1024 });
const [held] = nexa.guard.models();
let text = '';
for await (const part of model.generate({ prompt: 'Hello', maxTokens: 8, seed: 1 })) text += part;
await model.dispose();
await nexa.dispose();
nexa.guard.close();
console.log(
  JSON.stringify({
    own: held?.pid !== undefined && held.pid !== process.pid,
    text: text.length > 0,
    left: existsSync(`/proc/${held?.pid}`),
  }),
);
