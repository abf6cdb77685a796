/** What a text with sound takes beside its model: by the longest sound that the model takes, and by the files. It opens none of them. */
import { statSync } from 'node:fs';
import { countAudioBytes, MAX_AUDIO_FILE_BYTES } from '../core/audio-bytes.ts';
import type { NexaModel } from './nexa-model.ts';
import type { GenerateOptions } from './sdk-options.ts';

/** At the most, for `generate(...args)` of this model. What is no file takes nothing: the model refuses it. */
export function countCallAudio(model: unknown, args: readonly unknown[]): number {
  const { maxAudioSeconds } = Object(model) as Partial<NexaModel>;
  const paths = listAudioPaths(args[0]);
  const fileBytes = paths.map(readSize).reduce((sum, bytes) => sum + bytes, 0);
  return countAudioBytes(maxAudioSeconds ?? 0, fileBytes);
}

function listAudioPaths(options: unknown): readonly unknown[] {
  const { audio, messages } = Object(options) as Partial<GenerateOptions>;
  const parts = [messages ?? []].flat().flatMap((message) => [Object(message).content as unknown].flat());
  const spoken = parts.filter((part) => Object(part).type === 'audio').map((part) => Object(part).path as unknown);
  return [...[audio ?? []].flat(), ...spoken];
}

/** Larger ones are refused. */
function readSize(path: unknown): number {
  const stats = typeof path === 'string' ? statSync(path, { throwIfNoEntry: false }) : undefined;
  return Math.min(stats?.size ?? 0, MAX_AUDIO_FILE_BYTES);
}
