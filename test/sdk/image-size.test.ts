/** Sizes by the heads of files that ImageMagick wrote, all 7 × 3 pixels, and by damaged ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenedFile } from '../../src/sdk/audio/opened-file.ts';
import { readImageSize } from '../../src/sdk/image-size.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAcAAAADAQMAAABlDYeGAAAAA1BMVEX/AAAZ4gk3AAAAC0lEQVQIHWNgAAEAAAYAAQlpVwQAAAAASUVORK5CYII=',
  'base64',
);
const GIF = Buffer.from('R0lGODlhBwADAPAAAP8AAAAAACH5BAAAAAAALAAAAAAHAAMAAAIEhI+pBQA7', 'base64');
const BMP_2 = Buffer.from('Qk1iAAAAAAAAABoAAAAMAAAABwADAAEAGAAAAP8AAP8AAP8AAP8AAA==', 'base64');
const BMP_5 = Buffer.from('Qk3SAAAAAAAAAIoAAAB8AAAABwAAAAMAAAABABgAAAAAAEgAAAAAAAAAAAAAAAAAAAAAAAAAAAD/AAD/', 'base64');
/** Two tables and the frame; nothing behind it. */
const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAADAAcDASIAAhEBAxEB',
  'base64',
);
/** The marker of the frame, which says how it is coded. */
const JPEG_FRAME_AT = JPEG.length - 19;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-image-size-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function sizeOf(content: Buffer) {
  const path = join(folder, 'picture');
  writeFileSync(path, content);
  return OpenedFile.look(path, { expected: 'a picture', advice: 'convert it' }, readImageSize);
}

/** Copies with bytes of one place replaced. */
function patch(content: Buffer, at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(content);
  copy.set(bytes, at);
  return copy;
}

/** Puts bytes behind the first two, where segments begin. */
function insert(...bytes: number[]): Buffer {
  return Buffer.concat([JPEG.subarray(0, 2), Buffer.from(bytes), JPEG.subarray(2)]);
}

describe('readImageSize', () => {
  it.each([
    ['a PNG', PNG],
    ['a GIF', GIF],
    ['a BMP with the header of 12 bytes', BMP_2],
    ['a BMP of version 5', BMP_5],
    ['a BMP that begins at the top', patch(BMP_5, 22, 0xfd, 0xff, 0xff, 0xff)],
    ['a JPEG', JPEG],
    ['a progressive JPEG', patch(JPEG, JPEG_FRAME_AT, 0xff, 0xc2)],
    [
      'a JPEG with a thumbnail of another size',
      insert(0xff, 0xe1, 0, 2 + JPEG.length, ...patch(JPEG, JPEG.length - 14, 0, 1, 0, 1)),
    ],
    ['a JPEG with markers that are filled up or have no segment', insert(0xff, 0xff, 0xff, 0x01, 0xff, 0xd0)],
  ])('reads %s', async (_name, content) => {
    expect(await sizeOf(content)).toEqual({ width: 7, height: 3 });
  });

  it.each([
    ['nothing known', Buffer.from('a text that is no picture at all')],
    ['a PNG that ends too early', PNG.subarray(0, 20)],
    ['a PNG without pixels', patch(PNG, 16, 0, 0, 0, 0)],
    ['a GIF that ends too early', GIF.subarray(0, 9)],
    ['a JPEG without a frame', JPEG.subarray(0, JPEG_FRAME_AT)],
    ['a JPEG with a hole between segments', insert(0, 0)],
    ['a JPEG with a table in place of its frame', patch(JPEG, JPEG_FRAME_AT, 0xff, 0xc4)],
  ])('finds none in %s', async (_name, content) => {
    expect(await sizeOf(content)).toBeUndefined();
  });

  it('gives up on a file of more segments than any picture has', async () => {
    const segments = Array.from({ length: 5000 }, () => [0xff, 0xfe, 0, 2]).flat();
    expect(await sizeOf(insert(...segments))).toBeUndefined();
    expect(await sizeOf(insert(...segments.slice(0, 4 * 4000)))).toEqual({ width: 7, height: 3 });
  });
});
