/** What a runtime gets of the options of a text: files are looked at before any engine sees them, and named by absolute paths. */
import { MemoryGuardError } from '../core/errors.ts';
import { DEFAULT_IMAGE_PIXELS } from '../core/image-pixels.ts';
import { limitAudio, refuseLongAudio } from './audio/longest-audio.ts';
import { type ChatTurn, listPaths, printTools, readTurns, replacePaths } from './chat-messages.ts';
import { checkAudioFile, checkImageFile } from './media-file.ts';
import type { ResolvedGenerateOptions } from './read-sdk-options.ts';
import { cutPrompt, refuseHopelessText } from './refuse-long-prompt.ts';
import type { Capabilities, RuntimeGenerate } from './runtime.ts';

/** The media of a text by the paths in its options, in the order of the conversation. */
interface GenerateMedia {
  readonly audio: readonly string[];
  readonly images: readonly string[];
  /** The conversation; `undefined` if the options have a prompt instead. */
  readonly turns: readonly ChatTurn[] | undefined;
}

/** What decides whether a model takes media. */
interface MediaModel {
  readonly name: string;
  readonly projectorPath: string | undefined;
  readonly capabilities: Capabilities;
}

export function listMedia({ messages, audio, images }: ResolvedGenerateOptions): GenerateMedia {
  const turns = messages && readTurns(messages);
  if (turns === undefined) return { audio, images, turns };
  return { audio: listPaths(turns, 'audio'), images: listPaths(turns, 'image'), turns };
}

/**
 * Refuses media that the model can't hear or see.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseMedia(model: MediaModel, audio: readonly string[], images: readonly string[]): void {
  const { audio: hears, vision: sees } = model.capabilities;
  if (audio.length > 0 && !hears) throw mediaError(model, 'audio', 'hears');
  if (images.length > 0 && !sees) throw mediaError(model, 'images', 'sees');
}

/** What the model has room for. */
export interface GenerateRoom {
  /** Tokens. */
  readonly contextSize: number;
  /** The longest sound of which the context may hold all. */
  readonly longestAudioSeconds?: number | undefined;
  /** The longest that the caller allows. */
  readonly maxAudioSeconds?: number | undefined;
  /** Of the largest picture that the caller allows. */
  readonly maxImagePixels?: number | undefined;
}

/**
 * Rejects with `ERR_INVALID_OPTION` for a file that isn't of its kind, and for sounds that last longer together than there is room for; with
 * `ERR_CONTEXT_FULL` for text that can't fit, whatever its tokens are.
 */
export async function prepareGenerate(
  options: ResolvedGenerateOptions,
  { contextSize, longestAudioSeconds, maxAudioSeconds, maxImagePixels = DEFAULT_IMAGE_PIXELS }: GenerateRoom,
): Promise<RuntimeGenerate> {
  const { audio: _audio, images: _images, messages: _messages, tools, signal: _signal, ...rest } = options;
  const prompt = fitText(options, contextSize);
  const { audio, images, turns } = listMedia(options);
  const sounds = await Promise.all(audio.map(checkAudioFile));
  const seconds = sounds.map((sound) => sound.seconds);
  refuseLongAudio(seconds, limitAudio(longestAudioSeconds, maxAudioSeconds));
  const audioPaths = sounds.map(({ path }) => path);
  const imagePaths = await Promise.all(images.map((image) => checkImageFile(image, maxImagePixels)));
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

function mediaError(
  { name, projectorPath }: MediaModel,
  option: 'audio' | 'images',
  does: 'hears' | 'sees',
): MemoryGuardError {
  const found = projectorPath
    ? `its projector ${JSON.stringify(projectorPath)} ${does} nothing`
    : 'it was loaded without a projector; put its mmproj file beside it or pass `projectorPath`';
  const message = `The model ${JSON.stringify(name)} takes no \`${option}\`: ${found}.`;
  return new MemoryGuardError('ERR_INVALID_OPTION', message);
}

/** The prompt, without a start that is dropped in any case. */
function fitText(
  { prompt = '', messages = [], truncate = false }: ResolvedGenerateOptions,
  contextSize: number,
): string {
  if (truncate) return cutPrompt(prompt, contextSize);
  const parts = readTurns(messages).flatMap((turn) => turn.parts);
  const characters = parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), prompt.length);
  refuseHopelessText(characters, { contextSize, hasMedia: parts.some(({ type }) => type !== 'text') });
  return prompt;
}

function pairUp(given: readonly string[], found: readonly string[]): [string, string][] {
  return given.map((path, index) => [path, found[index]!]);
}
