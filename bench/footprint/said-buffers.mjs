// Reads what an engine says of its buffers while it loads. It knows nothing of this package.

/** MiB; `projectorCompute` and `projector` are of a projector. @typedef {{ weights: number, cache: number, compute: number, output: number, projector: number, projectorCompute: number }} Said */

/**
 * Sums the buffers up: of each context the last that was made, since some are made again larger. A context that is made anew for each text, as that of
 * draft layers, counts once.
 *
 * @param {string} text @returns {Said}
 */
export function readSaidBuffers(text) {
  const said = { weights: 0, projector: 0, projectorCompute: 0 };
  const contexts = [{ cache: 0, compute: 0, output: 0 }];
  for (const line of text.split('\n')) {
    // `llama_kv_cache:        CPU KV buffer size =    32.00 MiB`, `load_hparams: model size:         3.18 MiB`
    const mib = Number(/(?:buffer size =|model size:) +([\d.]+) MiB/.exec(line)?.[1]);
    if (line.includes('constructing llama_context')) contexts.push({ cache: 0, compute: 0, output: 0 });
    const context = /** @type {(typeof contexts)[number]} */ (contexts.at(-1));
    if (!(mib >= 0)) continue;
    if (line.startsWith('load_hparams')) said.projector += mib;
    else if (line.startsWith('reserve_compute_meta')) said.projectorCompute += mib;
    else if (/(model|LoRA) buffer size/.test(line)) said.weights += mib;
    else if (line.includes('output buffer size')) context.output = mib;
    else if (line.includes('compute buffer size')) context.compute = mib;
    else context.cache += mib;
  }
  const different = new Map(contexts.map((context) => [JSON.stringify(context), context]));
  const sum = (/** @type {'cache' | 'compute' | 'output'} */ part) =>
    [...different.values()].reduce((all, context) => all + context[part], 0);
  return { ...said, cache: sum('cache'), compute: sum('compute'), output: sum('output') };
}

/** Bytes. @param {Said} said */
export function sumSaid(said) {
  return Object.values(said).reduce((sum, mib) => sum + mib, 0) * 2 ** 20;
}
