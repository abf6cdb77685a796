/**
 * What each generation of the library takes of the options of a load and of a text, and the refusal of what it would ignore. It calls
 * nothing.
 */
import type { LayoutName } from '../../addon/nexa-binding.ts';
import { invalidOption } from '../../core/errors.ts';
import type { ChatSettings } from '../chat-messages.ts';
import type { RuntimeGenerate, RuntimeLoad } from '../runtime.ts';

/** 'own': the library has one value, which is the default of this package. 'tools': with tools only. 'off': it is never on. */
type Takes = 'any' | 'none' | 'own' | 'tools' | 'off';
/** What is taken for a model without a projector, for one with a projector by the older generation, and by the newer one. */
type Row = readonly [text: Takes, older: Takes, newer: Takes];

type LoadOption = 'threads' | 'batchSize' | 'microBatchSize' | 'chatTemplate' | keyof typeof OWN;
type TextOption = Exclude<
  keyof RuntimeGenerate,
  'prompt' | 'raw' | 'messages' | 'audioPaths' | 'imagePaths' | 'tools' | 'maxTokens' | 'stop'
>;

/** The defaults of this package; the micro-batch of the older generation is also that of llama.cpp. */
const OWN = { kvCacheType: 'f16', flashAttention: 'auto', mmap: true, batchSize: 512, microBatchSize: 512 } as const;

/** Read from the sources of GenieX v0.5.0 and of the bridge that was published under its name. Options that aren't here are taken by all. */
const LOAD: Readonly<Record<LoadOption, Row>> = {
  kvCacheType: ['own', 'own', 'own'],
  flashAttention: ['own', 'own', 'own'],
  mmap: ['own', 'own', 'own'],
  threads: ['any', 'none', 'any'],
  batchSize: ['any', 'own', 'any'],
  microBatchSize: ['any', 'own', 'any'],
  chatTemplate: ['any', 'none', 'none'],
};

const TEXT: Readonly<Record<TextOption, Row>> = {
  temperature: ['any', 'none', 'any'],
  topK: ['any', 'none', 'any'],
  topP: ['any', 'none', 'any'],
  minP: ['any', 'none', 'any'],
  repetitionPenalty: ['any', 'none', 'any'],
  presencePenalty: ['any', 'none', 'any'],
  frequencyPenalty: ['any', 'none', 'any'],
  grammar: ['any', 'none', 'any'],
  seed: ['any', 'none', 'any'],
  thinking: ['any', 'tools', 'off'],
  // The context of a model with a projector is never shortened.
  truncate: ['any', 'off', 'off'],
};

/** What the sentences are about. */
export interface LibraryModelKind {
  readonly layout: LayoutName;
  readonly hasProjector: boolean;
}

/**
 * Refuses options of a load that the library would ignore.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseLoadOptions(kind: LibraryModelKind, request: RuntimeLoad): void {
  refuse(kind, LOAD, request);
}

/**
 * Refuses options of a text, or of a chat template, that the library would ignore.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseTextOptions(kind: LibraryModelKind, request: Partial<RuntimeGenerate> | ChatSettings): void {
  refuse(kind, TEXT, request);
}

function refuse(kind: LibraryModelKind, table: Readonly<Record<string, Row>>, request: object): void {
  for (const [name, row] of Object.entries(table)) {
    const value = (request as Record<string, unknown>)[name];
    const expected = value === undefined ? undefined : findRefusal(kind, getTakes(kind, row), name, value, request);
    if (expected !== undefined) throw invalidOption(name, expected, value);
  }
}

function getTakes({ layout, hasProjector }: LibraryModelKind, [text, older, newer]: Row): Takes {
  if (!hasProjector) return text;
  return layout === 'nexa-1.0' ? older : newer;
}

/** What is expected instead of the value; `undefined` if it is taken. */
function findRefusal(
  { layout, hasProjector }: LibraryModelKind,
  takes: Takes,
  name: string,
  value: unknown,
  { tools }: ChatSettings,
): string | undefined {
  const where = hasProjector ? ` for a model with a projector (layout ${layout})` : '';
  switch (takes) {
    case 'any':
      return undefined;
    case 'own': {
      const own: unknown = OWN[name as keyof typeof OWN];
      if (value === own) return undefined;
      return `${typeof own === 'string' ? `'${own}'` : own}, the only one of the SDK's library${where}`;
    }
    case 'tools':
      return tools !== undefined
        ? undefined
        : `left out, since the SDK's library heeds it only beside \`tools\`${where}`;
    case 'off':
      return value === false ? undefined : `left out or false, since the SDK's library never lets it be true${where}`;
    case 'none':
      return name === 'temperature' && value === 0
        ? `left out, since the SDK's library can't be told to take the likeliest token${where}`
        : `left out, since the SDK's library ignores it${where}`;
    default:
      return takes satisfies never;
  }
}
