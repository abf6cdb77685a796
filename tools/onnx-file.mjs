/** Writes ONNX files: the few messages of its protobuf that a graph with weights takes, by hand. It knows no architecture. */
import fs from 'node:fs';

/** @typedef {'float' | 'uint8' | 'int8' | 'int64' | 'float16'} ElementType */
/** @typedef {{ name: string, type: ElementType, dims: readonly number[], data: NodeJS.ArrayBufferView, external?: boolean }} Weight */
/** @typedef {number | readonly number[] | string | { readonly float: number }} Attribute a number is a whole one */
/** @typedef {{ op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, domain?: string }} Node */
/** @typedef {{ name: string, type: ElementType, dims: readonly (number | string)[] }} Port a text is a size that calls decide */
/** @typedef {{ nodes: readonly Node[], weights: readonly Weight[], inputs: readonly Port[], outputs: readonly Port[] }} Graph */

/** The format's number of each type. */
const TYPES = { float: 1, uint8: 2, int8: 3, int64: 7, float16: 10 };

/** The operators of ONNX itself, and those that ONNX Runtime adds. */
const OPSETS = [
  { domain: '', version: 17 },
  { domain: 'com.microsoft', version: 1 },
];

/**
 * Writes the graph to `file`, and weights that are `external` to `file` + '_data', where transformers.js looks for them.
 *
 * @param {string} file @param {Graph} graph
 */
export function writeOnnxFile(file, { nodes, weights, inputs, outputs }) {
  const place = placeExternal(file, weights);
  const graph = [
    ...nodes.map((node) => message(1, encodeNode(node))),
    message(2, text('synthetic')),
    ...weights.map((weight) => message(5, encodeWeight(weight, place(weight)))),
    ...inputs.map((port) => message(11, encodePort(port))),
    ...outputs.map((port) => message(12, encodePort(port))),
  ].flat();
  const opsets = OPSETS.flatMap(({ domain, version }) =>
    message(8, [...message(1, text(domain)), ...whole(2, version)]),
  );
  fs.writeFileSync(file, Buffer.concat([...whole(1, 8), ...message(7, graph), ...opsets]));
}

/**
 * @param {string} file @param {readonly Weight[]} weights
 * @returns {(weight: Weight) => { location: string, offset: number } | undefined}
 */
function placeExternal(file, weights) {
  const apart = weights.filter(({ external }) => external);
  if (apart.length === 0) return () => undefined;
  const data = `${file}_data`;
  const places = new Map();
  let offset = 0;
  const descriptor = fs.openSync(data, 'w');
  for (const weight of apart) {
    fs.writeSync(descriptor, weight.data, 0, weight.data.byteLength, offset);
    places.set(weight, { location: data.slice(data.lastIndexOf('/') + 1), offset });
    offset += weight.data.byteLength;
  }
  fs.closeSync(descriptor);
  return (weight) => places.get(weight);
}

/** @param {Node} node */
function encodeNode({ op, inputs, outputs, attributes = {}, domain = '' }) {
  return [
    ...inputs.flatMap((name) => message(1, text(name))),
    ...outputs.flatMap((name) => message(2, text(name))),
    ...message(4, text(op)),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, encodeAttribute(name, value))),
    ...message(7, text(domain)),
  ];
}

/** @param {string} name @param {Attribute} value */
function encodeAttribute(name, value) {
  const named = message(1, text(name));
  if (typeof value === 'number') return [...named, ...whole(3, value), ...whole(20, 2)];
  if (typeof value === 'string') return [...named, ...message(4, text(value)), ...whole(20, 3)];
  if ('float' in value) return [...named, Buffer.of(0x15), float(value.float), ...whole(20, 1)];
  return [...named, ...value.flatMap((each) => whole(8, each)), ...whole(20, 7)];
}

/** @param {Weight} weight @param {{ location: string, offset: number } | undefined} place */
function encodeWeight({ name, type, dims, data }, place) {
  const head = [...dims.flatMap((dim) => whole(1, dim)), ...whole(2, TYPES[type]), ...message(8, text(name))];
  if (!place) return [...head, ...message(9, [Buffer.from(data.buffer, data.byteOffset, data.byteLength)])];
  const entries = { location: place.location, offset: `${place.offset}`, length: `${data.byteLength}` };
  return [
    ...head,
    ...Object.entries(entries).flatMap(([key, value]) =>
      message(13, [...message(1, text(key)), ...message(2, text(value))]),
    ),
    ...whole(14, 1),
  ];
}

/** @param {Port} port */
function encodePort({ name, type, dims }) {
  const shape = dims.flatMap((dim) => message(1, typeof dim === 'number' ? whole(1, dim) : message(2, text(dim))));
  const tensor = [...whole(1, TYPES[type]), ...message(2, shape)];
  return [...message(1, text(name)), ...message(2, message(1, tensor))];
}

/** A field that has a length. @param {number} field @param {readonly Buffer[]} content @returns {Buffer[]} */
function message(field, content) {
  return [varint(field * 8 + 2), varint(content.reduce((sum, { length }) => sum + length, 0)), ...content];
}

/** A field with a whole number. @param {number} field @param {number} value @returns {Buffer[]} */
function whole(field, value) {
  return [varint(field * 8), varint(value)];
}

/** @param {string} value */
function text(value) {
  return [Buffer.from(value)];
}

/** @param {number} value */
function float(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

/** Seven bits a byte, the lowest first; a negative number as one of 64 bits. @param {number} value */
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}
