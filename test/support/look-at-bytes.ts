/** Hands bytes to a reader of media files, as a file that is open and removed afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenedFile } from '../../src/sdk/audio/opened-file.ts';

export async function lookAtBytes<T>(content: Buffer, look: (file: OpenedFile) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-bytes-'));
  const path = join(folder, 'file');
  writeFileSync(path, content);
  try {
    return await OpenedFile.look(path, { expected: 'it to be a sound', advice: 'convert it' }, look);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
