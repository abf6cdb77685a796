/** Knows how few contexts must be asked for so that every one between them is known. It must not ask by itself. */
import { KiB } from '../../core/bytes.ts';
import type { ContextPoint, ContextQuestion } from './engine-question.ts';

/** A line between two points is taken for the truth if the engine says the same half way, up to this share and these bytes. */
const TOLERANCE = 0.001;
const SLACK_BYTES = 256 * KiB;
/** Each halving comes closer to the end of a sliding window, and asks once or twice more. */
const MOST_HALVINGS = 6;

type Measured = Omit<ContextPoint, 'straight'>;
type MeasuredPart = Exclude<keyof Measured, 'tokens'>;

/** Returns the points between the least and the most tokens, in their order. `measure` is asked once for each. */
export function findPoints(
  { leastTokens, mostTokens, stepTokens }: ContextQuestion,
  measure: (tokens: number) => Measured,
): readonly ContextPoint[] {
  const most = measure(mostTokens);
  if (leastTokens >= mostTokens) return [{ ...most, straight: true }];
  const least = measure(leastTokens);
  const refine = (from: Measured, to: Measured, halvings: number): readonly ContextPoint[] => {
    const half = roundUp((from.tokens + to.tokens) / 2, stepTokens);
    // Nothing lies between neighbours.
    if (half <= from.tokens || half >= to.tokens) return [{ ...to, straight: true }];
    if (halvings === 0) return [{ ...to, straight: false }];
    const middle = measure(half);
    const guessed = sumBytes(interpolate(from, to, half));
    if (Math.abs(sumBytes(middle) - guessed) <= SLACK_BYTES + TOLERANCE * guessed)
      return [middle, to].map((each) => ({ ...each, straight: true }));
    return [...refine(from, middle, halvings - 1), ...refine(middle, to, halvings - 1)];
  };
  return [{ ...least, straight: true }, ...refine(least, most, MOST_HALVINGS)];
}

/** What so many tokens take, never less than they do. `undefined` outside of what was asked for. */
export function findPoint(points: readonly ContextPoint[], tokens: number): Measured | undefined {
  const above = points.findIndex((point) => point.tokens >= tokens);
  const to = points[above];
  if (!to || to.tokens === tokens) return to;
  const from = points[above - 1];
  if (!from) return undefined;
  return to.straight ? interpolate(from, to, tokens) : to;
}

/** What several contexts of the same tokens take together; `undefined` for none. */
export function sumPoints([first, ...others]: readonly Measured[]): Measured | undefined {
  return others.reduce<Measured | undefined>((sum, each) => {
    const add = (part: MeasuredPart) => sum![part] + each[part];
    return mapParts(each.tokens, add);
  }, first);
}

function roundUp(tokens: number, step: number): number {
  return Math.ceil(tokens / step) * step;
}

function interpolate(from: Measured, to: Measured, tokens: number): Measured {
  const share = (tokens - from.tokens) / (to.tokens - from.tokens);
  return mapParts(tokens, (part) => Math.ceil(from[part] + share * (to[part] - from[part])));
}

function mapParts(tokens: number, count: (part: MeasuredPart) => number): Measured {
  return {
    tokens,
    cacheBytes: count('cacheBytes'),
    stateBytes: count('stateBytes'),
    computeBytes: count('computeBytes'),
    outputBytes: count('outputBytes'),
    runtimeBytes: count('runtimeBytes'),
  };
}

function sumBytes({ cacheBytes, computeBytes, outputBytes }: Measured): number {
  return cacheBytes + computeBytes + outputBytes;
}
