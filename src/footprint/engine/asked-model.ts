/** One model as an engine told of it: what was asked, and the footprint of any shape that the answers cover. It reads no file. */
import { MiB } from '../../core/bytes.ts';
import type { GgufFile } from '../../gguf/read-gguf.ts';
import { hasDraftContext, hasMainContext } from '../draft-layers.ts';
import type { Footprint, FootprintSettings } from '../footprint.ts';
import { countAdapterBytes, LoraAdapters } from '../lora-adapters.ts';
import { findPoint, sumPoints } from './context-points.ts';
import { computeEngineFootprint } from './engine-footprint.ts';
import type { EnginePort } from './engine-port.ts';
import type { ContextPoint, ContextQuestion, EngineAnswer, EngineQuestion } from './engine-question.ts';
import { askContexts, listDraftValues, listModelValues, PROJECTOR_VALUES, roundTokens } from './engine-values.ts';

/** What such a process holds before it is asked anything, as it was measured, and some room. */
const PROCESS_BYTES = 32 * MiB;
/** What it holds for each token of a vocabulary, for each layer and for a context: measured with up to 262,144 tokens. */
const TOKEN_BYTES = 220;
const LAYER_BYTES = MiB / 8;
const CONTEXT_BYTES = 8 * MiB;
/** Contexts smaller than the caller allows are asked for as well: a refusal says what would fit. */
const LEAST_TOKENS = 256;

/** What was answered for one shape, for the contexts that were asked for at once. */
interface AskedShape {
  readonly answer: EngineAnswer;
  /** Of each context that the model has. */
  readonly contexts: readonly (readonly ContextPoint[])[];
}

export class AskedModel {
  readonly #engine: EnginePort;
  readonly #model: GgufFile;
  readonly #projector: GgufFile | undefined;
  readonly #adapters: LoraAdapters;
  /** The newest first. */
  readonly #shapes = new Map<string, readonly AskedShape[]>();
  #problem: string | undefined;

  constructor(engine: EnginePort, model: GgufFile, projector: GgufFile | undefined, adapters = new LoraAdapters()) {
    this.#engine = engine;
    this.#model = model;
    this.#projector = projector;
    this.#adapters = adapters;
  }

  /** Why the last question had no answer, in one sentence. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks for all of these, each with every context from `leastTokens` to its own. What one question can hold is one question. */
  async ask(shapes: readonly FootprintSettings[], leastTokens = LEAST_TOKENS): Promise<void> {
    const alike = new Map<string, FootprintSettings[]>();
    for (const each of shapes) alike.set(nameModel(each), [...(alike.get(nameModel(each)) ?? []), each]);
    await Promise.all([...alike.values()].map((together) => this.#askTogether(together, leastTokens)));
  }

  /** `undefined` if that was not asked, or had no answer. */
  estimate(settings: FootprintSettings): Footprint | undefined {
    for (const { answer, contexts } of this.#shapes.get(nameShape(settings)) ?? []) {
      const mostTokens = contexts[0]?.at(-1)?.tokens ?? 0;
      const tokens = roundTokens(settings.contextSize, mostTokens, settings);
      const found = contexts.flatMap((points) => findPoint(points, tokens) ?? []);
      if (found.length < contexts.length) continue;
      const draft = hasDraftContext(this.#model, settings) ? found.at(-1) : undefined;
      return computeEngineFootprint(this.#model, this.#projector, settings, answer, sumPoints(found), draft);
    }
    return undefined;
  }

  async #askTogether(shapes: readonly FootprintSettings[], leastTokens: number): Promise<void> {
    const [first] = shapes;
    if (!first) return;
    const projector = ['all', 'weights'].includes(first.part) ? this.#projector : undefined;
    const question: EngineQuestion = {
      modelPath: this.#model.shards[0]!,
      values: listModelValues(first),
      loraPaths: first.loraPaths,
      contexts: shapes.flatMap((each) => this.#listContexts(each, leastTokens)),
      ...(projector && { projector: { path: projector.path, values: PROJECTOR_VALUES } }),
    };
    const adapters = this.#adapters.find(first.loraPaths);
    const read = [this.#model, ...(projector ? [projector] : []), ...adapters];
    const files = read.flatMap(({ shardIdentities }) => shardIdentities);
    // Adapters are really loaded for it.
    const bytes = this.#countBytes() + countAdapterBytes(adapters);
    const answer = await this.#engine.ask({ question, files, bytes });
    if (typeof answer === 'string') {
      this.#problem = answer;
      return;
    }
    let index = 0;
    for (const each of shapes) {
      const { length } = this.#listContexts(each, leastTokens);
      const contexts = answer.contexts.slice(index, index + length);
      index += length;
      const name = nameShape(each);
      const others = (this.#shapes.get(name) ?? []).filter((other) => nameRange(other) !== nameRange({ contexts }));
      this.#shapes.set(name, [{ answer, contexts }, ...others]);
    }
  }

  #listContexts(shape: FootprintSettings, leastTokens: number): readonly ContextQuestion[] {
    if (shape.part !== 'all' && shape.part !== 'context') return [];
    const { contextSize } = shape;
    const least = Math.min(leastTokens, contextSize);
    return [
      ...(hasMainContext(shape) ? [askContexts(shape, least, contextSize)] : []),
      ...(hasDraftContext(this.#model, shape) ? [askContexts(shape, least, contextSize, listDraftValues)] : []),
    ];
  }

  #countBytes(): number {
    const { metadata, architecture } = this.#model;
    const tokens = metadata.get('tokenizer.ggml.tokens');
    const layers = metadata.get(`${architecture}.block_count`);
    const vocabulary = typeof tokens === 'object' ? tokens.length * TOKEN_BYTES : 0;
    return PROCESS_BYTES + CONTEXT_BYTES + vocabulary + (typeof layers === 'number' ? layers * LAYER_BYTES : 0);
  }
}

/** Shapes with the same name are contexts of one load. */
function nameModel(settings: FootprintSettings): string {
  return JSON.stringify([listModelValues(settings), settings.loraPaths, ['all', 'weights'].includes(settings.part)]);
}

function nameRange({ contexts: [points] }: Pick<AskedShape, 'contexts'>): string {
  return `${points?.[0]?.tokens} ${points?.at(-1)?.tokens}`;
}

function nameShape({ contextSize: _, ...settings }: FootprintSettings): string {
  return JSON.stringify(settings);
}
