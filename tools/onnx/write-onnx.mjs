/** Writes ONNX models of any shape: nodes, and weights inline or in a file beside them. It knows the protobuf format, and no engine. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { createRandom } from '../random.mjs';

/**
 * @typedef {{ name?: string, type?: string, dims: readonly number[], data?: NodeJS.ArrayBufferView, external?: boolean, location?: string, offset?: number, length?: number }} Initializer
 * @typedef {{ name: string, type?: string, dims: readonly (number | string)[] }} ValueInfo
 * @typedef {number | readonly number[] | { graph: Graph } | { tensor: Initializer }} Attribute
 * @typedef {{ op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, domain?: string }} Node
 * @typedef {{ name?: string, nodes?: readonly Node[], initializers?: readonly Initializer[], inputs?: readonly ValueInfo[], outputs?: readonly ValueInfo[] }} Graph
 * @typedef {Graph & { opset?: number, externalSuffix?: string }} Model
 * @typedef {NodeJS.ArrayBufferView | Fill} Part
 */

/**
 * ONNX's numbers of element types, and the bits of each.
 *
 * @type {Readonly<Record<string, readonly [number: number, bits: number]>>}
 */
export const ELEMENT_TYPES = {
  float32: [1, 32],
  uint8: [2, 8],
  int8: [3, 8],
  int32: [6, 32],
  int64: [7, 64],
  bool: [9, 8],
  float16: [10, 16],
  float64: [11, 64],
  int4: [22, 4],
};

/** External weights begin at multiples of this, as exporters write them. */
const ALIGNMENT = 65_536;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes the model, and what is external to `<path>.data`, or with another suffix. Weights without `data` are small pseudo-random numbers.
 *
 * @param {string} path
 * @param {Model} model
 */
export function writeOnnx(path, model) {
  const external = placeExternal(path, model);
  writeParts(path, encodeModel({ ...model, initializers: external.initializers }));
  if (external.parts.length > 0) writeParts(external.path, external.parts);
}

/** The bytes of a model without external weights. @param {Model} model */
export function encodeOnnx(model) {
  return Buffer.concat(encodeModel(model).map(toBuffer));
}

/**
 * A chain of products that keeps its width: `layers` weights of `width` x `width`. Other types than float32 are converted in the graph.
 *
 * @param {{ layers: number, width: number, type?: string, external?: boolean, rows?: number | string }} chain
 * @returns {Model & { nodes: Node[], initializers: Initializer[] }}
 */
export function describeChain({ layers, width, type = 'float32', external = false, rows = 'rows' }) {
  /** @type {Initializer[]} */
  const initializers = [];
  /** @type {Node[]} */
  const nodes = [];
  let at = 'x';
  /** @param {string} name @param {string} result */
  const to = (name, result) => {
    if (type === 'float32') return name;
    nodes.push({ op: 'Cast', inputs: [name], outputs: [result], attributes: { to: numberOf('float32') } });
    return result;
  };
  for (let layer = 0; layer < layers; layer++) {
    initializers.push({ name: `w${layer}`, type, dims: [width, width], external });
    nodes.push({ op: 'MatMul', inputs: [at, to(`w${layer}`, `f${layer}`)], outputs: [`y${layer}`] });
    nodes.push({ op: 'Relu', inputs: [`y${layer}`], outputs: [`r${layer}`] });
    at = `r${layer}`;
  }
  nodes.push({ op: 'Identity', inputs: [at], outputs: ['y'] });
  return {
    nodes,
    initializers,
    inputs: [{ name: 'x', dims: [rows, width] }],
    outputs: [{ name: 'y', dims: [rows, width] }],
  };
}

/** Bytes that are made as they are written: models may be larger than memory. */
class Fill {
  /** @param {number} byteLength @param {string} type @param {number} seed */
  constructor(byteLength, type, seed) {
    this.byteLength = byteLength;
    this.type = type;
    this.seed = seed;
  }

  /** One megabyte at the most, and written again and again. */
  chunk() {
    const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, Math.ceil(this.byteLength / 8) * 8));
    const next = createRandom(this.seed);
    if (this.type === 'float32') {
      for (let at = 0; at < bytes.length; at += 4) bytes.writeFloatLE((next() - 0.5) / 64, at);
    } else if (this.type === 'float16') {
      // 2^-7 to 2^-6, of both signs.
      for (let at = 0; at < bytes.length; at += 2) {
        bytes.writeUInt16LE((next() < 0.5 ? 0x8000 : 0) | 0x2000 | (next() * 1024), at);
      }
    } else for (let at = 0; at < bytes.length; at++) bytes[at] = next() * 4;
    return bytes;
  }

  toBuffer() {
    const chunk = this.chunk();
    return Buffer.alloc(this.byteLength, chunk);
  }
}

/** @param {Part} part */
function toBuffer(part) {
  return part instanceof Fill ? part.toBuffer() : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}

/** @param {string} path @param {readonly Part[]} parts */
function writeParts(path, parts) {
  const file = openSync(path, 'w');
  for (const part of parts) {
    if (!(part instanceof Fill)) writeSync(file, part);
    else {
      const chunk = part.chunk();
      for (let left = part.byteLength; left > 0; left -= chunk.length)
        writeSync(file, chunk, 0, Math.min(left, chunk.length));
    }
  }
  closeSync(file);
}

/** @param {string} path @param {Model} model */
function placeExternal(path, { initializers = [], externalSuffix = '.data' }) {
  const data = `${path}${externalSuffix}`;
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  const placed = initializers.map((each) => {
    if (!each.external || each.location !== undefined) return each;
    const content = contentOf(each);
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    if (offset > end) parts.push(Buffer.alloc(offset - end));
    parts.push(content);
    end = offset + content.byteLength;
    return { ...each, location: basename(data), offset, length: content.byteLength };
  });
  return { path: data, initializers: placed, parts };
}

/** @param {Initializer} tensor @returns {Part} */
function contentOf({ name = '', type = 'float32', dims, data }) {
  if (data) return data;
  const [, bits] = findType(type);
  return new Fill(
    Math.ceil((dims.reduce((product, dim) => product * dim, 1) * bits) / 8),
    type,
    [...name].reduce((sum, each) => sum * 31 + each.charCodeAt(0), 1),
  );
}

/** @param {Model} model @returns {Part[]} */
function encodeModel({ opset = 17, ...graph }) {
  const versions = new Map([['', opset]]);
  for (const { domain = '' } of graph.nodes ?? []) if (domain !== '') versions.set(domain, 1);
  const opsets = [...versions].flatMap(([domain, version]) => message(8, [...text(1, domain), ...number(2, version)]));
  return [...number(1, 8), ...message(7, encodeGraph(graph)), ...opsets];
}

/** A graph, as a model or an attribute has it. @param {Graph} graph @returns {Part[]} */
function encodeGraph({ name = 'graph', nodes = [], initializers = [], inputs = [], outputs = [] }) {
  return [
    ...nodes.flatMap((node) => message(1, encodeNode(node))),
    ...text(2, name),
    ...initializers.flatMap((each) => message(5, encodeTensor(each))),
    ...inputs.flatMap((each) => message(11, encodeValue(each))),
    ...outputs.flatMap((each) => message(12, encodeValue(each))),
  ];
}

/** @param {Node} node @returns {Part[]} */
function encodeNode({ op, inputs, outputs, attributes = {}, domain = '' }) {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, encodeAttribute(name, value))),
    ...text(7, domain),
  ];
}

/** A whole number, a list of them, `{ graph }` or `{ tensor }`. @param {string} name @param {Attribute} value @returns {Part[]} */
function encodeAttribute(name, value) {
  if (typeof value === 'number') return [...text(1, name), ...number(3, value), ...number(20, 2)];
  if ('length' in value) return [...text(1, name), ...value.flatMap((each) => number(8, each)), ...number(20, 7)];
  if ('graph' in value) return [...text(1, name), ...message(6, encodeGraph(value.graph)), ...number(20, 5)];
  return [...text(1, name), ...message(5, encodeTensor(value.tensor)), ...number(20, 4)];
}

/** @param {Initializer} tensor @returns {Part[]} */
function encodeTensor({ name, type = 'float32', dims, data, location, offset, length }) {
  const place = { location, offset, length };
  const entries = Object.entries(place).filter(([, value]) => value !== undefined);
  return [
    ...dims.flatMap((dim) => number(1, dim)),
    ...number(2, numberOf(type)),
    ...text(8, name ?? ''),
    ...(location === undefined
      ? bytes(9, contentOf({ ...(name !== undefined && { name }), type, dims, ...(data && { data }) }))
      : [
          ...entries.flatMap(([key, value]) => message(13, [...text(1, key), ...text(2, `${value}`)])),
          ...number(14, 1),
        ]),
  ];
}

/** @param {ValueInfo} value @returns {Part[]} */
function encodeValue({ name, type = 'float32', dims }) {
  const shape = dims.flatMap((dim) => message(1, typeof dim === 'number' ? number(1, dim) : text(2, dim)));
  const tensor = [...number(1, numberOf(type)), ...message(2, shape)];
  return [...text(1, name), ...message(2, message(1, tensor))];
}

/** @param {number} field @param {readonly Part[]} parts @returns {Part[]} */
function message(field, parts) {
  const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return [varint(field * 8 + 2), varint(byteLength), ...parts];
}

/** @param {number} field @param {string} value @returns {Part[]} */
function text(field, value) {
  return bytes(field, Buffer.from(value));
}

/** @param {number} field @param {Part} content @returns {Part[]} */
function bytes(field, content) {
  return [varint(field * 8 + 2), varint(content.byteLength), content];
}

/** @param {number} field @param {number} value @returns {Part[]} */
function number(field, value) {
  return [varint(field * 8), varint(value)];
}

/** @param {number} value */
function varint(value) {
  const out = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left > 127n; left >>= 7n) out.push(Number(left & 127n) | 128);
  out.push(Number(left));
  return Buffer.from(out);
}

/** @param {string} type */
function numberOf(type) {
  return findType(type)[0];
}

/** @param {string} type */
function findType(type) {
  const found = ELEMENT_TYPES[type];
  if (!found) throw new Error(`Expected one of ${Object.keys(ELEMENT_TYPES).join(', ')}, got ${type}.`);
  return found;
}
