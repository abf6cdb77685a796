/** What a runtime gets of the options of a text: files are looked at before any engine sees them, and named by absolute paths. */
import { type ChatTurn, listPaths, printTools, readTurns, replacePaths } from './chat-messages.ts';
import { checkAudioFile, checkImageFile } from './media-file.ts';
import type { ResolvedGenerateOptions } from './read-sdk-options.ts';
import type { RuntimeGenerate } from './runtime.ts';

/** The media of a text by the paths in its options, in the order of the conversation. */
interface GenerateMedia {
  readonly audio: readonly string[];
  readonly images: readonly string[];
  /** The conversation; `undefined` if the options have a prompt instead. */
  readonly turns: readonly ChatTurn[] | undefined;
}

export function listMedia({ messages, audio, images }: ResolvedGenerateOptions): GenerateMedia {
  const turns = messages && readTurns(messages);
  if (turns === undefined) return { audio, images, turns };
  return { audio: listPaths(turns, 'audio'), images: listPaths(turns, 'image'), turns };
}

/** Rejects with `ERR_INVALID_OPTION` for a file that isn't of its kind. */
export async function prepareGenerate(options: ResolvedGenerateOptions): Promise<RuntimeGenerate> {
  const { audio: _audio, images: _images, messages: _messages, tools, signal: _signal, prompt = '', ...rest } = options;
  const { audio, images, turns } = listMedia(options);
  const audioPaths = await Promise.all(audio.map(checkAudioFile));
  const imagePaths = await Promise.all(images.map(checkImageFile));
  const absolutePaths = new Map([...pairUp(audio, audioPaths), ...pairUp(images, imagePaths)]);
  return {
    ...rest,
    prompt,
    audioPaths,
    ...(imagePaths.length > 0 && { imagePaths }),
    ...(turns && { messages: replacePaths(turns, (path) => absolutePaths.get(path)!) }),
    ...(tools !== undefined && { tools: printTools(tools) }),
  };
}

function pairUp(given: readonly string[], found: readonly string[]): [string, string][] {
  return given.map((path, index) => [path, found[index]!]);
}
