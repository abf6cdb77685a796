import { expect, test } from 'vitest';
import { OpenedFile } from '../../../src/sdk/audio/opened-file.ts';
import { lookAtBytes } from '../../support/look-at-bytes.ts';

const KIND = { expected: 'it to be a sound', advice: 'convert it' };

test('gives the bytes at a place, and fewer of them at the end', async () => {
  const read = await lookAtBytes(Buffer.from('abcdef'), async (file) => {
    return [await file.read(2, 3), await file.read(4, 10), await file.read(90, 2)].map(String);
  });
  expect(read).toEqual(['cde', 'ef', '']);
});

test('says what was expected, what was found and what to do', async () => {
  await lookAtBytes(Buffer.from('abc'), async (file) => {
    const path = JSON.stringify(file.path);
    expect(file.sizeBytes).toBe(3);
    expect(file.refusal('a text')).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: `Expected it to be a sound, got ${path}: a text; convert it.`,
    });
    expect(file.refusal('3 bytes', { expected: 'it to have 2 bytes' }).message).toBe(
      `Expected it to have 2 bytes, got ${path}: 3 bytes; convert it.`,
    );
  });
});

test('closes the file whatever becomes of the look', async () => {
  let kept: OpenedFile | undefined;
  const looking = lookAtBytes(Buffer.from('abc'), async (file) => {
    kept = file;
    throw new Error('mine');
  });
  await expect(looking).rejects.toThrow('mine');
  await expect(kept?.read(0, 1)).rejects.toThrow(/closed/);
});

test('does not look at what is not there', async () => {
  const looking = OpenedFile.look('/nowhere/file', KIND, async () => expect.unreachable());
  await expect(looking).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: 'Expected it to be a sound, got "/nowhere/file": no file there.',
    cause: expect.objectContaining({ code: 'ENOENT' }),
  });
});
