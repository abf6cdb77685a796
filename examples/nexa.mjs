// The guard over an installed Nexa SDK or GenieX:   node examples/nexa.mjs [MODEL [AUDIO]]   (after npm ci && npm run compile)
// MODEL is a path, or a name as `nexa pull` takes it, such as NexaAI/Qwen2-Audio-7B-GGUF:Q4_K_M.
// GENIEX_LIB_PATH=/path/to/libgeniex.so says where the library is.
import { MemoryGuardError, NexaSDK } from 'nexa-memory-guard';
import { talk } from './talk.mjs';

const sdk = await NexaSDK.initialize({ runtime: 'nexa' }).catch((error) => {
  if (!(error instanceof MemoryGuardError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
});
await talk(sdk, process.argv.slice(2));
