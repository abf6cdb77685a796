/** Conversations: what a program may write, and the one form in which runtimes get it. It opens no file. */
import { invalidOption } from '../core/errors.ts';
import { isText, path, type Rule } from './rules.ts';

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'audio' | 'image'; readonly path: string };

/** One turn of a conversation. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, or what else the model's template knows. */
  readonly role: string;
  /** Audio and images stand in the order in which the model hears and sees them. */
  readonly content: string | readonly ContentPart[];
}

/** A message whose content is a list. */
export interface ChatTurn {
  readonly role: string;
  readonly parts: readonly ContentPart[];
}

/** What a chat template may be told beside the messages. */
export interface ChatSettings {
  /** JSON, as the model's template expects it. */
  readonly tools?: string | undefined;
  /** Absent: the template decides. */
  readonly thinking?: boolean | undefined;
}

const CONTENT = 'a text, or a list of parts such as { type: "text", text } and { type: "audio", path }';

export const messagesRule: Rule = {
  expected: `a list of messages { role, content } that is not empty, with ${CONTENT} as content`,
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isMessage),
};

export const toolsRule: Rule = {
  expected: 'a list of tools, or the same as JSON text',
  accepts: (value) => (isText(value) && !value.includes('\0') && isJsonList(value)) || isPlainList(value),
};

/** The JSON that templates get; `undefined` for none. */
export function toolsJson(tools: string | readonly object[] | undefined): string | undefined {
  return tools === undefined || typeof tools === 'string' ? tools : JSON.stringify(tools);
}

/** Every message with a list of parts. */
export function turnsOf(messages: readonly ChatMessage[]): readonly ChatTurn[] {
  return messages.map(({ role, content }) => ({
    role,
    parts: typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  }));
}

/** A prompt with its media as the one message of a user. */
export function turnOf(prompt: string, media: readonly ContentPart[]): ChatTurn {
  return { role: 'user', parts: [...media, { type: 'text', text: prompt }] };
}

export function pathsOf(turns: readonly ChatTurn[], type: 'audio' | 'image'): readonly string[] {
  return turns.flatMap(({ parts }) => parts.flatMap((part) => (part.type === type ? [part.path] : [])));
}

/** The same turns with every path put through `change`. */
export function withPaths(turns: readonly ChatTurn[], change: (path: string) => string): readonly ChatTurn[] {
  return turns.map(({ role, parts }) => ({
    role,
    parts: parts.map((part) => (part.type === 'text' ? part : { ...part, path: change(part.path) })),
  }));
}

/** Throws `ERR_INVALID_OPTION` where messages are given that aren't any. */
export function checkMessages(messages: unknown): asserts messages is readonly ChatMessage[] {
  if (!messagesRule.accepts(messages)) throw invalidOption('messages', messagesRule.expected, messages);
}

function isMessage(value: unknown): boolean {
  const { role, content } = Object(value) as { role?: unknown; content?: unknown };
  if (!path.accepts(role)) return false;
  if (typeof content === 'string') return !content.includes('\0');
  return Array.isArray(content) && content.length > 0 && content.every(isPart);
}

function isPart(value: unknown): boolean {
  const part = Object(value) as { type?: unknown; text?: unknown; path?: unknown };
  if (part.type === 'text') return typeof part.text === 'string' && !part.text.includes('\0');
  return (part.type === 'audio' || part.type === 'image') && path.accepts(part.path);
}

function isPlainList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'object' && each !== null);
}

function isJsonList(text: string): boolean {
  try {
    return isPlainList(JSON.parse(text));
  } catch {
    return false;
  }
}
