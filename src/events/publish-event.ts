/** Tells events: to listeners, to the logger, to diagnostics channels, and to stderr if `NODE_DEBUG` asks. It knows nothing of what happened. */
import { type Channel, channel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import { printable } from '../core/printable.ts';
import { EVENT_NAMES, type GuardEvent } from './guard-events.ts';

/** Receives one line per event; `console` fits. Methods that it lacks are skipped. */
export interface Logger {
  readonly info?: (message: string) => void;
  readonly warn?: (message: string) => void;
}

const debug = debuglog('nexa-memory-guard');
const LOUD: readonly GuardEvent['type'][] = ['critical', 'warning', 'degraded', 'leaked', 'killed'];

/** `nexa-memory-guard:admitted` and so on, for all guards of this process. */
const channels = new Map<GuardEvent['type'], Channel>(
  EVENT_NAMES.map((name) => [name, channel(`nexa-memory-guard:${name}`)]),
);

/** Freezes each event and tells it; its message is printable, whatever the names in it are. Whatever a listener does, who tells goes on. */
export function createPublisher(
  emit: (event: GuardEvent) => void,
  logger: Logger | undefined,
): (event: GuardEvent) => void {
  return (given) => {
    const message = printable(given.message);
    const event = Object.freeze(message === given.message ? given : { ...given, message });
    debug('%s: %s', event.type, event.message);
    surfacing(() => (LOUD.includes(event.type) ? logger?.warn?.(event.message) : logger?.info?.(event.message)));
    const published = channels.get(event.type);
    if (published?.hasSubscribers) published.publish(event);
    surfacing(() => emit(event));
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
