/** Damages a text as disks, races and stand-ins do: cut, flipped, spliced, repeated, stretched. It knows no format. */
import fc from 'fast-check';

type Damage = (bytes: Buffer) => Buffer;

const at = fc.double({ min: 0, max: 1, noNaN: true });
const index = (where: number, bytes: Buffer) => Math.min(bytes.length, Math.floor(where * (bytes.length + 1)));
const splice = (bytes: Buffer, from: number, count: number, inserted: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(Math.min(bytes.length, from + count))]);

/** What tends to be mistaken for a number, a key or a line. */
const TOKENS = [
  '',
  '\n',
  ' ',
  '\t',
  '0',
  '-',
  'max',
  'max\n',
  '9'.repeat(19),
  '9'.repeat(40),
  '1e9',
  '0x10',
  '\0',
  ':',
  '\r\n',
  'é',
];

const damage: fc.Arbitrary<Damage> = fc.oneof(
  at.map<Damage>((where) => (bytes) => bytes.subarray(0, index(where, bytes))),
  fc.tuple(at, fc.nat(255)).map<Damage>(
    ([where, value]) =>
      (bytes) =>
        splice(bytes, index(where, bytes), 1, Buffer.of(value)),
  ),
  fc.tuple(at, fc.nat(40)).map<Damage>(
    ([where, count]) =>
      (bytes) =>
        splice(bytes, index(where, bytes), count, Buffer.alloc(0)),
  ),
  fc.tuple(at, fc.constantFrom(...TOKENS)).map<Damage>(
    ([where, token]) =>
      (bytes) =>
        splice(bytes, index(where, bytes), 0, Buffer.from(token)),
  ),
  fc.tuple(at, at, at).map<Damage>(([from, to, where]) => (bytes) => {
    const part = bytes.subarray(
      Math.min(index(from, bytes), index(to, bytes)),
      Math.max(index(from, bytes), index(to, bytes)),
    );
    return splice(bytes, index(where, bytes), 0, part);
  }),
  fc.tuple(at, fc.uint8Array({ maxLength: 60 })).map<Damage>(
    ([where, bytes]) =>
      (text) =>
        splice(text, index(where, text), bytes.length, bytes),
  ),
  // A digit more or less: often still a number.
  fc.tuple(at, fc.nat(9)).map<Damage>(([where, digit]) => (bytes) => {
    const digits = [...bytes.keys()].filter((key) => /\d/.test(String.fromCharCode(bytes[key] as number)));
    const chosen = digits[Math.floor(where * digits.length)];
    return chosen === undefined ? bytes : splice(bytes, chosen, 0, Buffer.from(String(digit)));
  }),
);

/** One to three damages, one after the other. */
export const textDamages: fc.Arbitrary<Damage> = fc
  .array(damage, { minLength: 1, maxLength: 3 })
  .map((all) => (bytes: Buffer) => all.reduce((text, each) => each(text), bytes));
