// Writes what a model is to see or hear.
import fs from 'node:fs';
import path from 'node:path';
import { writeTone } from '../../tools/tone.mjs';

/** @typedef {{ seconds: number } | { width: number, height: number }} Media */

/** @param {string} folder @param {Media} media @returns {string} its path */
export function writeMedia(folder, media) {
  if ('seconds' in media) {
    const file = path.join(folder, 'tone.wav');
    writeTone(file, media.seconds);
    return file;
  }
  // A portable pixmap: a line of text, then three bytes for each point.
  const { width, height } = media;
  const file = path.join(folder, 'photo.ppm');
  fs.writeFileSync(file, `P6\n${width} ${height}\n255\n`);
  fs.appendFileSync(file, Buffer.alloc(width * height * 3, 127));
  return file;
}
