/** Whether a file can be heard, by its kind and first bytes; it decodes nothing and knows no engine. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MemoryGuardError } from '../errors.ts';

const HEAD_BYTES = 12;

/** The absolute path of a WAV, MP3 or FLAC file; rejects with `ERR_INVALID_OPTION` for everything else. */
export async function checkAudioFile(path: string): Promise<string> {
  const absolute = resolve(path);
  // A named pipe without a writer would block an ordinary open.
  const file = await open(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error) => {
    throw refusal(
      absolute,
      error.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${error.code})`,
      error,
    );
  });
  try {
    if (!(await file.stat()).isFile()) throw refusal(absolute, 'it is no regular file');
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    if (bytesRead === 0) throw refusal(absolute, 'it is empty');
    if (!isAudio(head))
      throw refusal(absolute, `it starts with the bytes ${head.toString('hex', 0, Math.min(bytesRead, 8))}`);
  } finally {
    await file.close();
  }
  return absolute;
}

function isAudio(head: Buffer): boolean {
  const mark = head.toString('latin1');
  // An MPEG frame begins with eleven set bits and a layer that isn't 0, where no ID3 tag stands before it.
  const mpeg = head.readUInt16BE(0) >= 0xffe0 && (head.readUInt8(1) & 0x06) !== 0;
  return /^RIFF....WAVE/s.test(mark) || mark.startsWith('fLaC') || mark.startsWith('ID3') || mpeg;
}

function refusal(path: string, found: string, cause?: unknown): MemoryGuardError {
  const message = `Expected \`audio\` to be a WAV, MP3 or FLAC file, got ${JSON.stringify(path)}: ${found}.`;
  return new MemoryGuardError('ERR_INVALID_OPTION', message, cause === undefined ? undefined : { cause });
}
