/** The files that a text is about: looked at before any engine sees them, and named by absolute paths. */

import { type ChatTurn, pathsOf, toolsJson, turnsOf, withPaths } from './chat-messages.ts';
import { checkImageFile } from './image-file.ts';
import { checkAudioFile } from './media-file.ts';
import type { RuntimeGenerate } from './runtime.ts';
import type { Generate } from './sdk-options.ts';

interface Media {
  readonly audio: readonly string[];
  readonly images: readonly string[];
  readonly turns: readonly ChatTurn[] | undefined;
}

/** As the options name them, in the order of the conversation. */
export function mediaOf({ messages, audio, images }: Generate): Media {
  const turns = messages && turnsOf(messages);
  if (turns === undefined) return { audio, images, turns };
  return { audio: pathsOf(turns, 'audio'), images: pathsOf(turns, 'image'), turns };
}

/** What a runtime gets of the options. Rejects with `ERR_INVALID_OPTION` for a file that is none of its kind. */
export async function prepare(generate: Generate): Promise<RuntimeGenerate> {
  const {
    audio: _audio,
    images: _images,
    messages: _messages,
    tools,
    signal: _signal,
    prompt = '',
    ...rest
  } = generate;
  const { audio, images, turns } = mediaOf(generate);
  const audioPaths = await Promise.all(audio.map(checkAudioFile));
  const imagePaths = await Promise.all(images.map(checkImageFile));
  const absolute = new Map([...zip(audio, audioPaths), ...zip(images, imagePaths)]);
  return {
    ...rest,
    prompt,
    audioPaths,
    ...(imagePaths.length > 0 && { imagePaths }),
    ...(turns && { messages: withPaths(turns, (path) => absolute.get(path) as string) }),
    ...(tools !== undefined && { tools: toolsJson(tools) }),
  };
}

function zip(given: readonly string[], found: readonly string[]): [string, string][] {
  return given.map((path, at) => [path, found[at] as string]);
}
