import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../../src/core/errors.ts';
import type { OnnxModel } from '../../../src/footprint/onnx/read-onnx.ts';
import { readOnnx } from '../../../src/footprint/onnx/read-onnx.ts';
import { describeChain, encodeOnnx, type Model } from '../../../tools/onnx/write-onnx.mjs';
import { createRandom } from '../../../tools/random.mjs';

/** A source that counts what was read of it. */
function sourceOf(bytes: Uint8Array) {
  const source = {
    path: 'a model',
    sizeBytes: bytes.byteLength,
    readBytes: 0,
    async read(into: Uint8Array, position: number) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      source.readBytes += part.length;
      return part.length;
    },
  };
  return source;
}

const read = (model: Model): Promise<OnnxModel> => readOnnx(sourceOf(encodeOnnx(model)));

const CHAIN = describeChain({ layers: 3, width: 16 });

describe('readOnnx', () => {
  it('finds the weights of each type with their sizes', async () => {
    const model = await read({
      ...CHAIN,
      initializers: [
        { name: 'a', type: 'float32', dims: [3, 5] },
        { name: 'b', type: 'float16', dims: [7] },
        { name: 'c', type: 'int8', dims: [2, 2, 2] },
        { name: 'd', type: 'int4', dims: [3] },
        { name: 'e', type: 'int64', dims: [] },
      ],
    });
    expect(model.tensors.map(({ bytes }) => bytes)).toEqual([60, 14, 8, 2, 8]);
    expect(model.tensors.map(({ rank }) => rank)).toEqual([2, 1, 3, 1, 0]);
    expect(model.nodes).toBe(CHAIN.nodes.length);
    expect([...model.operators]).toEqual(['MatMul', 'Relu', 'Identity']);
  });

  it('finds those of graphs in graphs and of constants, and knows what a node converts', async () => {
    const inner = { nodes: [], initializers: [{ name: 'inside', dims: [10] }] };
    const model = await read({
      nodes: [
        {
          op: 'If',
          inputs: ['x'],
          outputs: ['y'],
          attributes: { then_branch: { graph: inner }, else_branch: { graph: inner } },
        },
        { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: { tensor: { type: 'int8', dims: [4] } } } },
        { op: 'Cast', inputs: ['c'], outputs: ['f'], attributes: { to: 1, axes: [1, 2] } },
      ],
      initializers: [{ name: 'w', type: 'int8', dims: [4] }],
    });
    expect(model.tensors.map(({ bytes }) => bytes)).toEqual([40, 40, 4, 4]);
    expect(model.tensors.map(({ converted }) => converted)).toEqual([false, false, true, false]);
  });

  it('tells where external weights lie, whatever is written there', async () => {
    const { tensors } = await read({
      ...CHAIN,
      initializers: [
        { name: 'a', dims: [4], location: 'w.data', offset: 64, length: 16 },
        { name: 'b', dims: [4], location: '../x' },
      ],
    });
    expect(tensors.map(({ external }) => external)).toEqual([
      { location: 'w.data', offset: 64, length: 16 },
      { location: '../x', offset: 0, length: 16 },
    ]);
  });

  it('reads the structure of a large model, and none of its weights', async () => {
    const source = sourceOf(encodeOnnx(describeChain({ layers: 4, width: 1024 })));
    await readOnnx(source);
    expect(source.sizeBytes).toBeGreaterThan(16 * 2 ** 20);
    expect(source.readBytes).toBeLessThan(2 * 2 ** 20);
  });

  it('finds sparse weights with all that they stand for, those of functions, and numbers that are written one by one', async () => {
    const field = (number: number, ...content: readonly number[]): readonly number[] =>
      number < 16
        ? [number * 8 + 2, content.length, ...content]
        : [(number * 8 + 2) | 128, number >> 4, content.length, ...content];
    const zeros = (count: number) => Array<number>(count).fill(0);
    const tensor = (type: number, elements: number, ...data: readonly number[]) => [
      ...field(1, elements),
      16,
      type,
      ...data,
    ];
    const sparse = [
      ...field(1, ...tensor(1, 2, ...field(9, ...zeros(8)))),
      ...field(2, ...tensor(7, 2, ...field(9, ...zeros(16)))),
      24,
      100,
    ];
    const constant = field(5, ...field(5, ...tensor(3, 4, ...field(5, 1, 2, 3, 4))));
    const graph = field(7, ...field(15, ...sparse), ...field(1, ...field(5, ...field(22, ...sparse))));
    const own = field(
      25,
      ...field(7, ...constant),
      ...field(11, ...field(5, ...tensor(1, 1, ...field(4, ...zeros(4))))),
    );
    const { tensors, nodes } = await readOnnx(sourceOf(Buffer.from([...graph, ...own])));
    expect(tensors.map(({ bytes }) => bytes)).toEqual([8, 16, 400, 8, 16, 400, 4, 4]);
    expect(nodes).toBe(2);
    const short = field(7, ...field(5, ...tensor(3, 4, ...field(5, 1, 2))));
    await expect(readOnnx(sourceOf(Buffer.from(short)))).rejects.toThrow(/4 bytes of weights/);
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['a text', Buffer.from('hello, this is no model at all')],
    ['a GGUF file', Buffer.from('GGUF\x03\0\0\0\0\0\0\0\0\0\0\0')],
    ['a model that was cut off', encodeOnnx(CHAIN).subarray(0, -100)],
    ['a field that is longer than all that follows', Buffer.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0])],
    ['a number without an end', Buffer.alloc(64, 0xff)],
    ['a group', Buffer.from([0x3b, 0x3c])],
  ])('refuses %s', async (_, bytes) => {
    await expect(readOnnx(sourceOf(bytes))).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' });
  });

  it.each([
    [
      'fewer weights than its dimensions say',
      { name: 'w', dims: [4, 4], data: new Uint8Array(8) },
      /64 bytes of weights in 'w', found 8/,
    ],
    [
      'dimensions that no machine holds',
      { name: 'w', dims: [2 ** 40, 2 ** 40], data: new Uint8Array(8) },
      /1099511627776 x/,
    ],
    ['a negative dimension', { name: 'w', dims: [-1], data: new Uint8Array(8) }, /dimensions -1/],
    ['a length that is too short for it', { name: 'w', dims: [4], location: 'd', length: 3 }, /say where the 16 bytes/],
    ['a place that is no number', { name: 'w', dims: [4], location: 'd', offset: -7 }, /say where the 16 bytes/],
  ])('refuses a tensor with %s', async (_, initializer, message) => {
    await expect(read({ ...CHAIN, initializers: [initializer] })).rejects.toThrow(message);
  });

  it('refuses graphs that lie in each other without an end', async () => {
    let graph: Model = { nodes: [] };
    for (let depth = 0; depth < 40; depth++) {
      graph = { nodes: [{ op: 'If', inputs: [], outputs: [], attributes: { then_branch: { graph } } }] };
    }
    await expect(read(graph)).rejects.toThrow(/at most 32 graphs/);
  });

  it('refuses more tensors, names and nodes than a model has', async () => {
    const tensors = Array.from({ length: 131_073 }, () => ({ dims: [0] }));
    await expect(read({ initializers: tensors })).rejects.toThrow(/at most 131072 tensors/);
    const long = 'n'.repeat(4000);
    const nodes = Array.from({ length: 5000 }, () => ({ op: 'A', inputs: [long], outputs: [] }));
    await expect(read({ nodes })).rejects.toThrow(/at most 16 MiB of names/);
  });

  it("gives a model or the package's own error for whatever stands in a file", async () => {
    const random = createRandom(7);
    const originals = [
      encodeOnnx(describeChain({ layers: 3, width: 4 })),
      encodeOnnx({
        nodes: [{ op: 'If', inputs: ['c'], outputs: ['y'], attributes: { then_branch: { graph: CHAIN }, to: 3 } }],
        initializers: [{ name: 'w', dims: [4], location: 'w.data', offset: 0, length: 16 }],
      }),
    ];
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = Buffer.from(originals[round % 2]!);
      for (let change = 0; change <= random() * 4; change++)
        bytes[Math.floor(random() * bytes.length)] = random() * 256;
      const cut = random() < 0.2 ? bytes.subarray(0, random() * bytes.length) : bytes;
      const result = await readOnnx(sourceOf(cut)).catch((error: unknown) => error);
      if (result instanceof Error) {
        refused += 1;
        expect(result).toBeInstanceOf(MemoryGuardError);
        expect(result).toMatchObject({ code: 'ERR_MODEL_FILE' });
      } else expect((result as OnnxModel).tensors.every(({ bytes: size }) => Number.isSafeInteger(size))).toBe(true);
    }
    expect(refused).toBeGreaterThan(500);
    expect(refused).toBeLessThan(4000);
  });
});
