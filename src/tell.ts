/** Tells events: to listeners, to the logger, and to stderr where `NODE_DEBUG` asks. It knows nothing of what happened. */
import { debuglog } from 'node:util';
import type { GuardEvent } from './events.ts';
import type { Logger } from './options.ts';

const debug = debuglog('nexa-memory-guard');
const LOUD: readonly GuardEvent['type'][] = ['critical', 'warning', 'degraded', 'leaked'];

/** Freezes each event and tells it. Whatever a listener does, who tells goes on. */
export function teller(emit: (event: GuardEvent) => void, logger: Logger | undefined): (event: GuardEvent) => void {
  return (event) => {
    debug('%s: %s', event.type, event.message);
    surfacing(() => (LOUD.includes(event.type) ? logger?.warn?.(event.message) : logger?.info?.(event.message)));
    surfacing(() => emit(Object.freeze(event)));
  };
}

/** A listener's own fault must not fail a load half-way; it surfaces as uncaught, as with EventTarget. */
function surfacing(tell: () => unknown): void {
  try {
    tell();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
