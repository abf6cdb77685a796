/** Knows how few contexts must be asked for so that every one between them is known. It must not ask by itself. */
import type { ContextPoint, ContextQuestion } from './engine-question.ts';

/** A line between two points is taken for the truth if the engine says the same half way, up to this. */
const TOLERANCE = 0.001;
/** Each halving doubles the points at the most; the kinks of sliding windows are found with fewer. */
const MOST_HALVINGS = 4;

/** Resolves the points between the least and the most tokens, in their order. `measure` is asked once for each. */
export function findPoints(
  { leastTokens, mostTokens, stepTokens }: ContextQuestion,
  measure: (tokens: number) => ContextPoint,
): readonly ContextPoint[] {
  const most = measure(mostTokens);
  if (leastTokens >= mostTokens) return [most];
  const least = measure(leastTokens);
  const refine = (from: ContextPoint, to: ContextPoint, halvings: number): readonly ContextPoint[] => {
    const half = roundUp((from.tokens + to.tokens) / 2, stepTokens);
    if (halvings === 0 || half <= from.tokens || half >= to.tokens) return [to];
    const middle = measure(half);
    const guessed = sumBytes(interpolate(from, to, half));
    const straight = Math.abs(sumBytes(middle) - guessed) <= TOLERANCE * guessed;
    if (straight) return [middle, to];
    return [...refine(from, middle, halvings - 1), ...refine(middle, to, halvings - 1)];
  };
  return [least, ...refine(least, most, MOST_HALVINGS)];
}

/** The point at so many tokens, on the line between its neighbours. `undefined` outside of what was asked for. */
export function findPoint(points: readonly ContextPoint[], tokens: number): ContextPoint | undefined {
  const above = points.findIndex((point) => point.tokens >= tokens);
  const to = points[above];
  if (!to || to.tokens === tokens) return to;
  const from = points[above - 1];
  return from && interpolate(from, to, tokens);
}

function roundUp(tokens: number, step: number): number {
  return Math.ceil(tokens / step) * step;
}

function interpolate(from: ContextPoint, to: ContextPoint, tokens: number): ContextPoint {
  const share = (tokens - from.tokens) / (to.tokens - from.tokens);
  const between = (part: Exclude<keyof ContextPoint, 'tokens'>) =>
    Math.ceil(from[part] + share * (to[part] - from[part]));
  return {
    tokens,
    cacheBytes: between('cacheBytes'),
    computeBytes: between('computeBytes'),
    outputBytes: between('outputBytes'),
    runtimeBytes: between('runtimeBytes'),
  };
}

function sumBytes({ cacheBytes, computeBytes, outputBytes }: ContextPoint): number {
  return cacheBytes + computeBytes + outputBytes;
}
