/** Conversations: what a program may write, and the one form in which runtimes get it. It opens no file. */
import { invalidOption } from '../core/errors.ts';
import type { Check } from '../core/validate.ts';
import { countJsonLevels, MOST_NESTED } from './nesting.ts';

/** One part of a message. `path` is the path of a file. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'audio' | 'image'; readonly path: string };

/** One turn of a conversation. */
export interface ChatMessage {
  /** 'system', 'user', 'assistant', or another one that the model's template knows. */
  readonly role: string;
  /**
   * A text, or parts; the model hears and sees audio and images in the order in which they stand here. The SDK's library takes images
   * first, then audio, then text.
   */
  readonly content: string | readonly ContentPart[];
}

/** A message whose content is a list. */
export interface ChatTurn {
  readonly role: string;
  readonly parts: readonly ContentPart[];
}

/** What a chat template may be told beside the messages. */
export interface ChatSettings {
  /** A list of tools as JSON, as the model's template expects it. */
  readonly tools?: string | undefined;
  /** Whether the model is to think first; if absent, the template decides. */
  readonly thinking?: boolean | undefined;
}

const CONTENT = 'a text, or a list of parts such as { type: "text", text } and { type: "audio", path }';

export const checkMessages: Check<readonly ChatMessage[]> = (value, name) => {
  if (Array.isArray(value) && value.length > 0 && value.every(isMessage)) return value;
  const expected = `a list of messages { role, content } that is not empty, with ${CONTENT} as content`;
  throw invalidOption(name, expected, value);
};

export const checkTools: Check<string | readonly object[]> = (value, name) => {
  const json = typeof value === 'string' ? value : printJson(value);
  if (json === undefined || json.includes('\0') || !isToolsJson(json)) {
    throw invalidOption(name, 'a list of tools, or the same as JSON text', value);
  }
  if (countJsonLevels(json) <= MOST_NESTED) return value as string | readonly object[];
  throw invalidOption(name, `a list of tools in at most ${MOST_NESTED} levels of arrays and objects`, value);
};

/** The JSON that templates get; `undefined` for no tools. */
export function printTools(tools: string | readonly object[] | undefined): string | undefined {
  return tools === undefined || typeof tools === 'string' ? tools : JSON.stringify(tools);
}

/** The messages, each with a list of parts. */
export function readTurns(messages: readonly ChatMessage[]): readonly ChatTurn[] {
  return messages.map(({ role, content }) => ({
    role,
    parts: typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  }));
}

/** A prompt with its media as the one message of a user. */
export function makeTurn(prompt: string, media: readonly ContentPart[]): ChatTurn {
  return { role: 'user', parts: [...media, { type: 'text', text: prompt }] };
}

/** The paths of the audio files or of the images, in the order of the conversation. */
export function listPaths(turns: readonly ChatTurn[], type: 'audio' | 'image'): readonly string[] {
  return turns.flatMap(({ parts }) => parts.flatMap((part) => (part.type === type ? [part.path] : [])));
}

/** The same turns with every path put through `replace`. */
export function replacePaths(turns: readonly ChatTurn[], replace: (path: string) => string): readonly ChatTurn[] {
  return turns.map(({ role, parts }) => ({
    role,
    parts: parts.map((part) => (part.type === 'text' ? part : { ...part, path: replace(part.path) })),
  }));
}

function isMessage(value: unknown): value is ChatMessage {
  const { role, content } = Object(value) as { role?: unknown; content?: unknown };
  if (!isName(role)) return false;
  if (typeof content === 'string') return !content.includes('\0');
  return Array.isArray(content) && content.length > 0 && content.every(isPart);
}

function isPart(value: unknown): value is ContentPart {
  const part = Object(value) as { type?: unknown; text?: unknown; path?: unknown };
  if (part.type === 'text') return typeof part.text === 'string' && !part.text.includes('\0');
  return (part.type === 'audio' || part.type === 'image') && isName(part.path);
}

/** A role or a path: a text that is not empty and has no NUL, up to which a native library reads. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && !value.includes('\0');
}

/** `undefined` for what has no JSON, for example an object within itself, or one that is nested deeper than V8 can print. */
function printJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function isToolsJson(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'object' && each !== null);
  } catch {
    return false;
  }
}
