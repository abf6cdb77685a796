/** Whether a file can be heard or seen, by its kind and by what its header says. It decodes nothing and knows no engine. */
import { MAX_AUDIO_FILE_BYTES } from '../core/audio-bytes.ts';
import { MiB } from '../core/bytes.ts';
import { type FileKind, OpenedFile } from './audio/opened-file.ts';
import { readFlac } from './audio/read-flac.ts';
import { readMp3 } from './audio/read-mp3.ts';
import { readWav } from './audio/read-wav.ts';
import type { Sound } from './audio/sound.ts';
import { readImageSize } from './image-size.ts';

/** The engine ends the process over a sound of one sample (an assertion in mtmd.cpp); nothing this short says anything. */
const MIN_SECONDS = 0.01;
/** So many places has the channel mask of a WAV. Up to 254 were heard, and 255 end the process in the older generation. */
const MAX_CHANNELS = 32;
/** Below it no speech is left. The decoder makes 16,000 samples of every second, however few the file has. */
const MIN_SAMPLE_RATE = 1000;
/** The decoder's own bound for a WAV. */
const MAX_SAMPLE_RATE = 384_000;

/** First bytes of PNG, JPEG, BMP and the two kinds of GIF. */
const IMAGE_MARKS = ['89504e470d0a1a0a', 'ffd8ff', '424d', '474946383761', '474946383961'];
const MARK_BYTES = 12;
const IMAGE_HEAD_BYTES = 8;

const AUDIO: FileKind = {
  expected: '`audio` to be a WAV, MP3 or FLAC file',
  advice: 'convert it to a WAV, for example with one channel at 16,000 Hz',
};
const IMAGE: FileKind = { expected: '`images` to be PNG, JPEG, BMP or GIF files', advice: 'convert it to PNG' };

/** A file that an engine can hear. */
export interface AudioFile {
  /** Absolute. */
  readonly path: string;
  /** What is decoded of it at most. */
  readonly seconds: number;
}

/** Looks at a WAV, MP3 or FLAC file; rejects with `ERR_INVALID_OPTION` for every other file, and for one that the engine doesn't survive. */
export function checkAudioFile(path: string): Promise<AudioFile> {
  return OpenedFile.look(path, AUDIO, async (file) => {
    const { sizeBytes } = file;
    // An hour at 16 kHz and 16 bits has 110 MiB.
    if (sizeBytes > MAX_AUDIO_FILE_BYTES)
      throw file.refusal(`${sizeBytes} bytes`, {
        expected: `\`audio\` to have ${MAX_AUDIO_FILE_BYTES / MiB} MiB at most`,
      });
    const { leastSeconds, mostSeconds, channels, sampleRate } = await readSound(file);
    if (channels > MAX_CHANNELS)
      throw file.refusal(`${channels}`, { expected: `\`audio\` to have 1 to ${MAX_CHANNELS} channels` });
    if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE) {
      throw file.refusal(`${sampleRate}`, {
        expected: `\`audio\` to have ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} samples per second`,
      });
    }
    if (leastSeconds < MIN_SECONDS) throw file.refusal(`only ${Number(leastSeconds.toPrecision(3))} s of sound`);
    return { path: file.path, seconds: mostSeconds };
  });
}

/** The absolute path of a PNG, JPEG, BMP or GIF file; rejects with `ERR_INVALID_OPTION` for every other file, and for a larger picture. */
export function checkImageFile(path: string, maxImagePixels: number): Promise<string> {
  return OpenedFile.look(path, IMAGE, async (file) => {
    const hex = (await file.read(0, IMAGE_HEAD_BYTES)).toString('hex');
    if (!IMAGE_MARKS.some((mark) => hex.startsWith(mark))) throw file.refusal(`the first bytes ${hex}`);
    const size = await readImageSize(file);
    if (!size) throw file.refusal('no width and height in its header');
    const { width, height } = size;
    if (width * height > maxImagePixels) {
      throw file.refusal(`${width} × ${height}`, {
        expected: `\`images\` to have ${maxImagePixels} pixels at most`,
        advice: 'make it smaller, or load the model with a larger `maxImagePixels`',
      });
    }
    return file.path;
  });
}

async function readSound(file: OpenedFile): Promise<Sound> {
  const head = await file.read(0, MARK_BYTES);
  const mark = head.toString('latin1');
  // An MPEG frame without an ID3 tag before it begins with eleven set bits and a layer that isn't 0.
  const isMpeg = head.length >= 2 && head.readUInt16BE(0) >= 0xffe0 && (head.readUInt8(1) & 0x06) !== 0;
  if (/^RIFF....WAVE/s.test(mark)) return readWav(file);
  if (mark.startsWith('fLaC')) return readFlac(file);
  if (mark.startsWith('ID3') || isMpeg) return readMp3(file);
  throw file.refusal(`the first bytes ${head.toString('hex', 0, 8)}`);
}
