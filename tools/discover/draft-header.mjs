/** A header in the making: keys and tensors are put in as the engine asks for them. It asks nothing itself. */
import { ASKED_KEYS, COMMON_KEYS, completeSizes, resolveValue, SMALL_SIZES } from './architecture-keys.mjs';

/** @typedef {import('../architecture-file.mjs').Recipe} Recipe */
/** @typedef {import('../architecture-file.mjs').TensorRow} TensorRow */
/** @typedef {import('./architecture-keys.mjs').KeyValue} KeyValue */
/** @typedef {import('../gguf-file.mjs').TensorType} TensorType */
/** @typedef {import('../gguf-file.mjs').ValueType} ValueType */
/** @typedef {{ name: string, layers?: number[], dims?: number[] }} PlannedTensor with `blk.*.` in every layer or in these; the engine drops unused ones */
/**
 * What one model has that can't be asked for.
 * @typedef {{ architecture?: string, sizes?: Record<string, number>, keys?: Record<string, KeyValue>, tensors?: (string | PlannedTensor)[] }} Plan
 */

/** Small or sensitive weights that llama.cpp never quantizes. */
const KEPT =
  /_norm\.|ffn_gate_inp|altup|laurel|per_layer_model_proj|position_embd|token_types|ssm_conv1d|shortconv\.conv|indexer\.[kq]_proj|time_mix_(first|[wvag][012]|decay|lerp)|attn_rel_b/;
/** The engine says the right length of a tensor that has another one. */
const UNKNOWN_DIMS = [1];
/** @type {Record<string, [ValueType, (value: unknown) => unknown]>} what the engine calls a type, and how a value becomes one */
const TYPES = {
  u32: ['u32', Number],
  f32: ['f32', Number],
  bool: ['bool', Boolean],
  str: ['text', String],
};

export class DraftHeader {
  #name;
  #architecture;
  #sizes;
  /** @type {Map<string, KeyValue>} */
  #keys = new Map();
  /** @type {Map<string, { dims: readonly number[], type: TensorType }>} */
  #tensors = new Map();

  /** @param {string} name @param {Plan} plan */
  constructor(name, plan) {
    this.#name = name;
    this.#architecture = plan.architecture ?? name;
    this.#sizes = completeSizes({ ...SMALL_SIZES, ...plan.sizes });
    for (const [key, value] of Object.entries({ ...COMMON_KEYS, ...plan.keys })) {
      this.#keys.set(this.#own(key), resolveValue(value, this.#sizes));
    }
    for (const tensor of plan.tensors ?? []) this.#addPlanned(typeof tensor === 'string' ? { name: tensor } : tensor);
  }

  /** @param {PlannedTensor} tensor */
  #addPlanned({ name, layers, dims = UNKNOWN_DIMS }) {
    const { layers: count = 0 } = this.#sizes;
    for (const layer of layers ?? Array.from({ length: name.includes('*') ? count : 1 }, (_, index) => index)) {
      this.#tensors.set(name.replace('*', String(layer)), { dims, type: chooseType(name, dims) });
    }
  }

  /** False if nobody knows a value for it. @param {string} key */
  addKey(key) {
    const known = ASKED_KEYS[key.replace(`${this.#architecture}.`, '')] ?? ASKED_KEYS[key];
    if (!known || this.#keys.has(key)) return false;
    this.#keys.set(key, resolveValue(known, this.#sizes));
    return true;
  }

  addExperts() {
    return ['expert_count', 'expert_used_count'].map((key) => this.addKey(this.#own(key))).includes(true);
  }

  /** @param {string} key @param {string} expected the engine's name of the type */
  changeType(key, expected) {
    const [type, convert] = TYPES[expected] ?? [];
    const known = this.#keys.get(key);
    if (!type || !convert || !known) return false;
    this.#keys.set(key, [type, convert(known[1])]);
    return true;
  }

  /** @param {string} key @param {number} length */
  changeLength(key, length) {
    const known = this.#keys.get(key);
    if (!known || !Array.isArray(known[1])) return false;
    const [type, values] = known;
    this.#keys.set(key, [type, Array.from({ length }, (_, index) => values[index % values.length])]);
    return true;
  }

  /** In this layer and all behind it: the engine says if one isn't used. @param {string} name */
  addTensor(name) {
    let added = false;
    for (const each of this.#listFromLayer(name)) {
      if (this.#tensors.has(each)) continue;
      const known = this.#tensors.get(name);
      this.#tensors.set(each, known ?? { dims: UNKNOWN_DIMS, type: 'F32' });
      added = true;
    }
    return added;
  }

  /** @param {string} name @param {readonly number[]} dims */
  shapeTensor(name, dims) {
    if (dims.some((dim) => dim < 1)) return false;
    for (const each of this.#listFromLayer(name)) {
      if (this.#tensors.has(each)) this.#tensors.set(each, { dims, type: chooseType(name, dims) });
    }
    return true;
  }

  /** @param {string} name */
  widenTensor(name) {
    const known = this.#tensors.get(name);
    if (!known || known.type === 'F32') return false;
    for (const each of this.#listFromLayer(name)) this.#tensors.set(each, { ...known, type: 'F32' });
    return true;
  }

  /** @param {ReadonlySet<string>} used */
  dropUnused(used) {
    const unused = [...this.#tensors.keys()].filter((name) => !used.has(name));
    for (const name of unused) this.#tensors.delete(name);
    return unused.length > 0;
  }

  /** @returns {Recipe} */
  toRecipe() {
    return {
      name: this.#name,
      architecture: this.#architecture,
      vocab: this.#sizes['vocab'] ?? 0,
      layers: this.#sizes['layers'] ?? 0,
      keys: [...this.#keys].map(([key, [type, value]]) => [this.#shorten(key), type, value]),
      tensors: this.#listRows(),
    };
  }

  /** @returns {TensorRow[]} one for each name and shape, with the layers that have it */
  #listRows() {
    /** @type {Map<string, { row: TensorRow, layers: number[] }>} */
    const rows = new Map();
    for (const [name, { dims, type }] of this.#tensors) {
      const [, layer] = /^(?:\w+\.)*?blk\.(\d+)\./.exec(name) ?? [];
      const common = layer === undefined ? name : name.replace(`blk.${layer}.`, 'blk.*.');
      const key = `${common} ${dims} ${type}`;
      const known = rows.get(key) ?? { row: [common, [...dims], type], layers: [] };
      if (layer !== undefined) known.layers.push(Number(layer));
      rows.set(key, known);
    }
    return [...rows.values()].map(({ row, layers }) => {
      const all = layers.length === 0 || layers.length === this.#sizes['layers'];
      return all ? row : [row[0], row[1], row[2], layers.sort((a, b) => a - b)];
    });
  }

  /** @param {string} name @returns {string[]} */
  #listFromLayer(name) {
    const [, before, layer, behind] = /^((?:\w+\.)*?blk\.)(\d+)(\..+)$/.exec(name) ?? [];
    if (layer === undefined) return [name];
    const { layers = 0 } = this.#sizes;
    const first = Number(layer);
    return Array.from({ length: Math.max(1, layers - first) }, (_, index) => `${before}${first + index}${behind}`);
  }

  /** @param {string} key */
  #shorten(key) {
    return key.startsWith(`${this.#architecture}.`) ? key.slice(this.#architecture.length) : key;
  }

  /** @param {string} key */
  #own(key) {
    return key.startsWith('tokenizer.') || key.startsWith('xielu.') ? key : `${this.#architecture}.${key}`;
  }
}

/** @param {string} name @param {readonly number[]} dims @returns {TensorType} */
function chooseType(name, dims) {
  const matrix = dims.length > 1 && dims.slice(1).some((dim) => dim > 1);
  if (!matrix || KEPT.test(name) || !name.endsWith('.weight')) return 'F32';
  const [row = 0] = dims;
  if (row % 32) return 'F16';
  return name === 'output.weight' && row % 256 === 0 ? 'Q6_K' : 'Q4_0';
}
