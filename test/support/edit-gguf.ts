/** Copies a GGUF file with another value for one key, or with one text in place of another; weights stay where they are. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Entry, entryBytes, string, u32 } from './gguf-writer.ts';

/** Behind the magic, the version and two counts. */
const ENTRIES = 24;
const ALIGNMENT = 32;

export type GgufEdit = { readonly entry: Entry } | { readonly replace: readonly [from: string, to: string] };

export function editGguf(from: string, to: string, edit: GgufEdit): void {
  const bytes = readFileSync(from);
  writeFileSync(to, 'entry' in edit ? setEntry(bytes, edit.entry) : replaceText(bytes, ...edit.replace));
}

/** Both texts must be of one length. */
function replaceText(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(string(from));
  if (at < 0 || from.length !== to.length) throw new Error(`${from} can't become ${to}.`);
  string(to).copy(bytes, at);
  return bytes;
}

/** The new entry comes first, with another one that fills the line; an old entry of this key gets another name. */
function setEntry(bytes: Buffer, entry: Entry): Buffer {
  const [key] = entry;
  if (bytes.includes(string(key))) replaceText(bytes, key, key.replace(/.$/, '_'));
  const added = entryBytes(entry);
  const filler = string('test.filler').length + 4 + 8;
  const length = -(added.length + filler) & (ALIGNMENT - 1);
  const padding = Buffer.concat([string('test.filler'), u32(8), string('x'.repeat(length))]);
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(16) + 2n, 16);
  return Buffer.concat([bytes.subarray(0, ENTRIES), added, padding, bytes.subarray(ENTRIES)]);
}
