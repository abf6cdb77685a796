/** Understands what the engine says if it can't open a model. It opens none and repairs nothing. */

/**
 * @typedef {{ kind: 'key', key: string }
 *   | { kind: 'keyType', key: string, expected: string }
 *   | { kind: 'arrayLength', key: string, expected: number }
 *   | { kind: 'tensor', name: string }
 *   | { kind: 'shape', name: string, dims: number[] }
 *   | { kind: 'tensorType', name: string }
 *   | { kind: 'unusedTensors', used: Set<string> }
 *   | { kind: 'experts' }
 *   | { kind: 'other', text: string }} Complaint
 */

/** The last line that says why, without the line that only says that it failed. */
const REASON =
  /error loading model[^:\n]*: (.+)$|(GGML_ASSERT.+)$|(fatal error.*)$|(.*the engine's process ended.*)$/gm;

/** @param {string} log @returns {Complaint} */
export function readComplaint(log) {
  const unknown = /unknown model architecture: '([^']*)'/.exec(log);
  if (unknown) return { kind: 'other', text: unknown[0] };
  const key = /(?:array )?key not found in model: (\S+)/.exec(log)?.[1];
  if (key) return { kind: 'key', key };
  const typed = /key (\S+) has wrong type \S+ but expected type (\S+)/.exec(log);
  if (typed) return { kind: 'keyType', key: typed[1] ?? '', expected: typed[2] ?? '' };
  const length = /key (\S+) has wrong array length; expected (\d+)/.exec(log);
  if (length) return { kind: 'arrayLength', key: length[1] ?? '', expected: Number(length[2]) };
  const shape = /tensor '([^']+)' has wrong shape; expected ([\d, -]+), got/.exec(log);
  if (shape) {
    const dims = (shape[2] ?? '').split(',').map(Number);
    if (dims.includes(0) && /ffn_.*(exps|gate_inp)/.test(shape[1] ?? '')) return { kind: 'experts' };
    return { kind: 'shape', name: shape[1] ?? '', dims };
  }
  const tensor = /missing tensor '([^']+)'|tensor '([^']+)' not found/.exec(log);
  if (tensor) return { kind: 'tensor', name: tensor[1] ?? tensor[2] ?? '' };
  const type = /failed to find a compatible buffer type for tensor (\S+)/.exec(log)?.[1];
  if (type) return { kind: 'tensorType', name: type };
  if (/wrong number of tensors; expected/.test(log)) return { kind: 'unusedTensors', used: listUsedTensors(log) };
  if (/cannot have zero experts|n_expert must be > 0|n_expert_used > 0|n_expert && /.test(log))
    return { kind: 'experts' };
  return { kind: 'other', text: findReason(log) };
}

/** The tensors that the engine looked at. @param {string} log */
export function listUsedTensors(log) {
  const used = new Set(/** @type {string[]} */ ([]));
  for (const [, name = ''] of log.matchAll(/create_tensor: loading tensor (\S+)/g)) used.add(name);
  for (const [, name = ''] of log.matchAll(/model has unused tensor (\S+)/g)) used.add(name);
  return used;
}

/** Why the engine refused, as it says it; a line or less. @param {string} log */
export function findReason(log) {
  const reasons = [...log.matchAll(REASON)].map((match) => match.slice(1).find(Boolean) ?? '');
  return reasons.join('; ') || log.trim().split('\n').at(-1) || 'it says nothing';
}
