/**
 * Knows the recurrent parts of a decoder's graph: short convolutions and Mamba's scan, as the engine's models build them.
 * It must not know files.
 */

import type { Run } from './cache-sizes.ts';
import { EXTERNAL, type Graph, type Tensor } from './graph.ts';
import type { ModelShape } from './model-shape.ts';

/** What every recurrent layer is built from. */
export interface RecurrentContext {
  readonly graph: Graph;
  readonly shape: ModelShape;
  readonly run: Run;
  /** An input that says which sequence's state goes where. */
  readonly copies: Tensor;
}

/** Builds the layer of `build_shortconv_block`. */
export function buildShortConvolution({ graph, shape, run, copies }: RecurrentContext, x: Tensor): Tensor {
  const { embedding } = shape;
  const { convolution } = shape.state!;
  const tokens = run.tokens / run.sequences;
  const dims = [embedding, tokens, run.sequences];
  const wide = graph.matmul(3 * embedding, graph.view(x, dims));
  const part = (atStart: boolean) => graph.view(wide, dims, { contiguous: false, atStart });
  const [b, c, gate] = [part(true), part(false), part(false)];
  const turned = graph.view(graph.map(b, gate), [tokens, embedding, run.sequences], { contiguous: false });
  const before = convolution / embedding;
  const state = graph.view(readState(graph, run, copies, convolution), [before, embedding, run.sequences]);
  const row = graph.op([before + tokens, embedding, run.sequences], [state, turned]);
  graph.store(graph.view(row, state.dims, { contiguous: false, atStart: false }));
  const mixed = graph.map(c, graph.op(dims, [row, EXTERNAL]));
  return graph.view(graph.matmul(embedding, mixed), [embedding, run.tokens]);
}

/** Builds the layer of `build_mamba_layer`. */
export function buildMambaLayer({ graph, shape, run, copies }: RecurrentContext, x: Tensor): Tensor {
  const ssm = shape.ssm!;
  const { convolution, state } = shape.state!;
  const { sequences } = run;
  const tokens = run.tokens / sequences;
  const before = ssm.kernel - 1;
  const inner = [ssm.inner, tokens, sequences];
  const old = graph.view(readState(graph, run, copies, convolution), [before, ssm.inner, sequences]);
  const wide = graph.matmul(2 * ssm.inner, graph.view(x, [shape.embedding, tokens, sequences]));
  const half = graph.view(wide, inner, { contiguous: false });
  const gate = graph.view(wide, inner, { contiguous: false, atStart: false });
  const turned = graph.view(half, [tokens, ssm.inner, sequences], { contiguous: false });
  const row = graph.op([before + tokens, ssm.inner, sequences], [old, turned]);
  graph.store(graph.view(row, old.dims, { contiguous: false, atStart: false }));
  const active = graph.map(graph.map(graph.op(inner, [row, EXTERNAL]), EXTERNAL));
  const parts = graph.matmul(ssm.timeRank + 2 * ssm.state, active);
  const part = (length: number, atStart: boolean) => {
    const view = graph.view(parts, [length, tokens, sequences], { contiguous: false, atStart });
    return ssm.normed ? graph.map(view) : view;
  };
  const [rank, b, c] = [part(ssm.timeRank, true), part(ssm.state, false), part(ssm.state, false)];
  const time = graph.map(graph.matmul(ssm.inner, rank), EXTERNAL);
  const heads = graph.view(active, [1, ssm.inner, tokens, sequences]);
  const main = clearState(graph, state);
  const scan = graph.op(
    [ssm.inner * tokens * sequences + state * sequences],
    [graph.view(main, []), heads, time, EXTERNAL, b, c, graph.view(copies, [sequences])],
  );
  keepOthers(graph, copies, scan, state);
  graph.store(graph.view(scan, [state * sequences], { atStart: false }));
  const sum = graph.map(graph.view(scan, inner), graph.map(active, EXTERNAL));
  const gated = graph.op(inner, [graph.op(inner, [gate]), sum]);
  return graph.view(graph.matmul(shape.embedding, gated), [shape.embedding, run.tokens]);
}

/** Reads one copy of the state for each sequence, as `build_rs` does. */
function readState(graph: Graph, run: Run, copies: Tensor, length: number): Tensor {
  const states = clearState(graph, length);
  const read = graph.op([length, run.sequences], [states, graph.view(copies, [run.sequences])]);
  keepOthers(graph, copies, read, length);
  return read;
}

function clearState(graph: Graph, length: number): Tensor {
  const states = graph.view(EXTERNAL, [length]);
  graph.expand(graph.view(graph.view(states, [length]), [length]));
  return states;
}

function keepOthers(graph: Graph, copies: Tensor, read: Tensor, length: number): void {
  graph.expand(read);
  graph.store(graph.op([length, 0], [graph.view(EXTERNAL, [length]), graph.view(copies, [0], { atStart: false })]));
}
