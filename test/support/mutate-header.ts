/** Damage to headers: flipped bits, absurd numbers, cuts and copies. It knows nothing of what a header says. */
import fc from 'fast-check';

/** A file and where its header ends. */
interface Header {
  readonly bytes: Buffer;
  readonly headerBytes: number;
}

const HUGE = [
  0n,
  1n,
  255n,
  4097n,
  2n ** 16n,
  2n ** 24n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Where in the header, from 0 to 1. */
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

export type HeaderMutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'write'; readonly at: number; readonly width: 4 | 8; readonly value: bigint }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'copy'; readonly at: number; readonly from: number; readonly bytes: number };

export const headerMutation: fc.Arbitrary<HeaderMutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: place, bit: fc.nat(7) } as const),
  fc.record({
    kind: fc.constant('write'),
    at: place,
    width: fc.constantFrom(4, 8),
    value: fc.constantFrom(...HUGE),
  } as const),
  fc.record({ kind: fc.constant('cut'), at: place } as const),
  fc.record({ kind: fc.constant('copy'), at: place, from: place, bytes: fc.nat(64) } as const),
);

/** The bytes of a file after `mutations` to its header. */
export function mutateHeader(base: Header, mutations: readonly HeaderMutation[]): Buffer {
  let bytes = Buffer.from(base.bytes);
  for (const change of mutations) {
    const at = Math.min(Math.floor(change.at * base.headerBytes), bytes.length);
    if (change.kind === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << change.bit);
    else if (change.kind === 'cut') bytes = bytes.subarray(0, at);
    else if (change.kind === 'copy') copyWithin(bytes, change, at);
    else if (at + change.width > bytes.length) continue;
    else if (change.width === 4) bytes.writeUInt32LE(Number(change.value & 0xffff_ffffn), at);
    else bytes.writeBigUInt64LE(change.value, at);
  }
  return bytes;
}

function copyWithin(bytes: Buffer, change: { readonly from: number; readonly bytes: number }, at: number): void {
  const from = Math.floor(change.from * bytes.length);
  bytes.copyWithin(at, from, Math.min(from + change.bytes, from + bytes.length - at));
}
