/** How large a picture is, by the header of its file: PNG, JPEG, BMP and GIF. It decodes nothing. */
import type { OpenedFile } from './audio/opened-file.ts';

/** Pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** The head of a PNG, BMP or GIF has its size in it. */
const HEAD_BYTES = 26;
/** A marker, the length of its segment, a depth, height and width. */
const SEGMENT_BYTES = 9;
/** More segments has no picture: each thumbnail and profile is one of at most 64 KiB. */
const MOST_SEGMENTS = 4096;

/** Resolves to `undefined` for a file in which no size is found. */
export async function readImageSize(file: OpenedFile): Promise<ImageSize | undefined> {
  const head = await file.read(0, HEAD_BYTES);
  const size = head[0] === 0xff && head[1] === 0xd8 ? await readJpeg(file) : readHead(head);
  return size && size.width > 0 && size.height > 0 ? size : undefined;
}

function readHead(head: Buffer): ImageSize | undefined {
  const mark = head.toString('latin1', 0, 6);
  if (mark.startsWith('GIF') && head.length >= 10) return { width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
  if (head.length < HEAD_BYTES) return undefined;
  if (mark.startsWith('\x89PNG')) return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
  if (!mark.startsWith('BM')) return undefined;
  // The oldest header has 12 bytes and short numbers. A picture that begins at the top has a negative height.
  if (head.readUInt32LE(14) === 12) return { width: head.readUInt16LE(18), height: head.readUInt16LE(20) };
  return { width: head.readInt32LE(18), height: Math.abs(head.readInt32LE(22)) };
}

/** Goes from segment to segment until the one of the frame, which has the size. */
async function readJpeg(file: OpenedFile): Promise<ImageSize | undefined> {
  let at = 2;
  for (let count = 0; count < MOST_SEGMENTS; count++) {
    const segment = await file.read(at, SEGMENT_BYTES);
    if (segment.length < SEGMENT_BYTES || segment[0] !== 0xff) return undefined;
    const kind = segment.readUInt8(1);
    if (isFrame(kind)) return { width: segment.readUInt16BE(7), height: segment.readUInt16BE(5) };
    // Markers may be filled up with 0xff, and some have no segment.
    at += kind === 0xff ? 1 : 2 + (isAlone(kind) ? 0 : segment.readUInt16BE(2));
  }
  return undefined;
}

/** 0xc0 to 0xcf, without those of tables (DHT, DAC) and an extension (JPG). */
function isFrame(kind: number): boolean {
  return kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc;
}

/** Markers without a length: TEM and restarts. */
function isAlone(kind: number): boolean {
  return kind === 0x01 || (kind >= 0xd0 && kind <= 0xd7);
}
