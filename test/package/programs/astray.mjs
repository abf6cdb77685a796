/** A process that says nonsense: what the program hears, told as one line of JSON. `argv[2]` is the program of that process. */
import { NexaSDK } from 'nexa-memory-guard';

const [, , childPath = ''] = process.argv;
const code = await NexaSDK.initialize({ childPath }).then(
  () => 'opened',
  (error) => error.code,
);
console.log(JSON.stringify({ code }));
