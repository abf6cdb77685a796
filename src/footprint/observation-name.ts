/**
 * Knows how an observation stands in the name of an empty file: whoever makes the file has written it whole, and there is nothing in it to
 * be read. It must not touch files.
 *
 *   9f86d081884c7d659a2feaa0c55ad015.1769412345678901.3c4d5e6f7a8b.m4785000000-l2400000000-c2716000000-fh
 *   key                              time             load         mapped, anonymous after the load and after a call, full, heard
 *
 * `-e` is the size of the call that it is kept of, and `-k` what it had taken at the least when the kernel ended it. The longest name has 134 characters; eCryptfs takes 143.
 */
import type { Observation } from './apply-observations.ts';

/** An observation on disk. */
export interface KeptObservation {
  /** The name of its file. */
  readonly name: string;
  readonly key: string;
  /** Microseconds since the epoch: of two observations of a load the later one counts. */
  readonly atUs: number;
  readonly observation: Observation;
}

/** No clock shows the year 2255: such a time would leave no room for later ones. */
const MOST_US = 9e15;

const NAME =
  /^([0-9a-f]{32})\.(\d{16})\.([0-9a-f]{12})\.m(\d{1,16})-l(\d{1,16})(?:-c(\d{1,16}))?(?:-k(\d{1,16}))?(?:-e(\d{1,16}))?-(f?h?)$/;

/** `key` is 32 hexadecimal digits, and `observation.load` 12. */
export function writeObservationName(key: string, atUs: number, observation: Observation): string {
  const { load, mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes, full, heard, fatalBytes, elements } =
    observation;
  const call = anonymousAfterCallBytes === undefined ? '' : `-c${anonymousAfterCallBytes}`;
  const kill = fatalBytes === undefined ? '' : `-k${fatalBytes}`;
  const size = elements === undefined ? '' : `-e${elements}`;
  const flags = `${full ? 'f' : ''}${heard ? 'h' : ''}`;
  const at = String(atUs).padStart(16, '0');
  return `${key}.${at}.${load}.m${mappedBytes}-l${anonymousAfterLoadBytes}${call}${kill}${size}-${flags}`;
}

/** `undefined` for a name that is none, or holds what is no size. */
export function readObservationName(name: string): KeptObservation | undefined {
  const [, key, at, load, mapped, afterLoad, afterCall, fatal, size, flags] = NAME.exec(name) ?? [];
  if (key === undefined || Number(at) > MOST_US) return undefined;
  const sizes = [mapped, afterLoad, afterCall, fatal, size].map((each) =>
    each === undefined ? undefined : Number(each),
  );
  if (sizes.some((each) => each !== undefined && !Number.isSafeInteger(each))) return undefined;
  const [mappedBytes, anonymousAfterLoadBytes, anonymousAfterCallBytes, fatalBytes, elements] = sizes;
  return {
    name,
    key,
    atUs: Number(at),
    observation: {
      load: load!,
      mappedBytes: mappedBytes!,
      anonymousAfterLoadBytes: anonymousAfterLoadBytes!,
      ...(anonymousAfterCallBytes !== undefined && { anonymousAfterCallBytes }),
      full: flags!.includes('f'),
      heard: flags!.includes('h'),
      ...(fatalBytes !== undefined && { fatalBytes }),
      ...(elements !== undefined && { elements }),
    },
  };
}
