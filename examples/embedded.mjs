// The guard over the embedded runtime:   node examples/embedded.mjs [MODEL [AUDIO]]   (after npm ci && npm run compile)
import { NexaSDK } from 'nexa-memory-guard';
import { talk } from './talk.mjs';

await talk(await NexaSDK.initialize({ runtime: 'llama' }), process.argv.slice(2));
