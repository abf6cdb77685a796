/** The program of a model's process, in which native code crashes when a message says so: a thread of it raises SIGSEGV. */
import '../../lib/child.js';
import { CRASH, crashNow, crashSoon } from './crash-soon.mjs';

let crashes = false;

/** @param {unknown} message */
function take(message) {
  const { args } = /** @type {{ args?: { chatTemplate?: string, prompt?: string }[] }} */ (message);
  const { chatTemplate = '', prompt = '' } = args?.[0] ?? {};
  crashes = chatTemplate.includes(CRASH) || prompt.includes(CRASH);
  if (crashes) crashSoon();
}

const send = /** @type {NonNullable<typeof process.send>} */ (process.send).bind(process);
/** @param {any} message */
function sendUnlessCrashed(message) {
  // It was quicker than the thread.
  if (crashes && message.type === 'done') crashNow();
  return send(message);
}
process.send = sendUnlessCrashed;
process.prependListener('message', take);
