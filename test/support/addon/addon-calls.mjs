/**
 * Every function that the addon exports, and what each of its arguments may be. It lists the functions by looking at the addon, so that one
 * without a row here is found. It makes no call.
 */
import { fileURLToPath } from 'node:url';

/** A build that can be asked. */
const ENGINE = fileURLToPath(
  new URL(`../../../node_modules/@fugood/node-llama-linux-${process.arch}/index.node`, import.meta.url),
);

const OBJECTS = ['object', 'list', 'throwing', 'Int32Array', 'Float64Array', 'Uint8Array', 'Float32Array'];

/** Of each kind of argument, the types that its type alone allows. A kind that ends in `?` may be missing. @type {Readonly<Record<string, readonly string[]>>} */
const KINDS = {
  integer: ['number'],
  threads: ['number'],
  number: ['number', 'fraction'],
  flag: ['boolean'],
  path: ['string'],
  libraryPath: ['string'],
  text: ['string', 'zero'],
  layout: [],
  function: ['function'],
  paths: ['list'],
  notices: ['list'],
  table: ['Int32Array'],
  rows: ['Float64Array'],
  left: ['Float64Array'],
  parent: [],
  figures: ['Float64Array'],
  pair: ['Float64Array'],
  bytes: ['Uint8Array'],
  parameters: ['Uint8Array'],
  engine: ['list'],
  folder: ['string', 'zero'],
  library: [],
  model: [],
  load: OBJECTS,
  generate: OBJECTS,
  chat: OBJECTS,
  held: OBJECTS,
};

/** Values of every type, by a word for it. @returns {readonly (readonly [type: string, value: unknown])[]} */
export function listValues() {
  const throwing = {
    get modelPath() {
      throw new Error('a getter');
    },
    valueOf() {
      throw new Error('valueOf');
    },
    toString() {
      throw new Error('toString');
    },
  };
  return [
    ['undefined', undefined],
    ['null', null],
    ['boolean', true],
    ['number', 0],
    ['fraction', 0.5],
    ['fraction', Number.NaN],
    ['fraction', 2 ** 40],
    ['string', 'text'],
    ['zero', 'a\0b'],
    ['symbol', Symbol('symbol')],
    ['bigint', 10n],
    ['function', () => {}],
    ['list', []],
    ['object', {}],
    ['throwing', throwing],
    ['Int32Array', new Int32Array(3)],
    ['Float64Array', new Float64Array(10)],
    ['Uint8Array', new Uint8Array(3)],
    ['Float32Array', new Float32Array(10)],
  ];
}

/** Whether a value of this type is one of this kind, as far as its type says. @param {string} kind @param {string} type */
export function isOfKind(kind, type) {
  if (kind.endsWith('?') && type === 'undefined') return true;
  return KINDS[kind.replace('?', '')]?.includes(type) ?? false;
}

const PLAN = ['paths', 'table', 'rows', 'flag', 'path?', 'bytes?'];

/** The arguments of each function; for a class, those of its constructor. @type {Readonly<Record<string, readonly string[]>>} */
const ARGUMENTS = {
  MemoryFiles: PLAN,
  'MemoryFiles.read': ['flag?'],
  'MemoryFiles.problem': [],
  'MemoryFiles.close': [],
  MemoryWatch: [...PLAN, 'notices', 'function'],
  'MemoryWatch.watch': ['rows', 'left', 'number'],
  'MemoryWatch.take': [],
  'MemoryWatch.close': [],
  LoadMeter: ['number', 'flag'],
  'LoadMeter.moved': [],
  'LoadMeter.look': [],
  'LoadMeter.read': ['pair'],
  'LoadMeter.blocked': ['flag'],
  'LoadMeter.took': ['number'],
  'LoadMeter.publishTo': ['integer', 'integer', 'number'],
  'LoadMeter.close': [],
  PressureWatch: ['function'],
  'PressureWatch.close': [],
  EngineLibrary: ['engine', 'folder'],
  'EngineLibrary.defaults': [],
  'EngineLibrary.openModel': ['path', 'parameters'],
  'EngineLibrary.addAdapter': ['path'],
  'EngineLibrary.measure': ['parameters'],
  'EngineLibrary.measureProjector': ['path', 'parameters'],
  'EngineLibrary.heldBytes': [],
  'EngineLibrary.takeLog': [],
  readMachine: ['figures'],
  endWith: ['integer', 'parent'],
  readProcess: ['integer'],
  ThreadPoolHold: ['threads'],
  'ThreadPoolHold.release': [],
  trimHeap: [],
  dropPageCache: ['path'],
  'locks.tryLock': ['integer', 'integer'],
  'locks.unlock': ['integer', 'integer'],
  'locks.ask': ['integer', 'integer', 'integer'],
  'locks.raise': ['integer'],
  'locks.LockQueue': ['integer', 'integer', 'function', 'integer', 'number'],
  'locks.LockQueue.join': ['flag'],
  'locks.LockQueue.take': [],
  'locks.LockQueue.release': [],
  'locks.LockQueue.leave': [],
  'locks.LockQueue.close': [],
  'nexa.open': ['libraryPath', 'layout?', 'function?'],
  'nexa.close': ['library'],
  'nexa.plugins': ['library'],
  'nexa.devices': ['library', 'text'],
  'nexa.load': ['library', 'load'],
  'nexa.generate': ['model', 'generate', 'function'],
  'nexa.stop': ['model'],
  'nexa.format': ['model', 'chat'],
  'nexa.reset': ['model'],
  'nexa.saveKvCache': ['model', 'path'],
  'nexa.loadKvCache': ['model', 'path', 'held'],
  'nexa.destroy': ['model'],
  'nexa.leave': ['integer'],
};

/** @typedef {{ readonly name: string, readonly owner: any, readonly member: string, readonly isClass: boolean, readonly takes: readonly string[] }} AddonFunction */

/**
 * Every function of the addon. `owner` is what it is called on, or the class for a method.
 *
 * @param {object} addon
 * @returns {readonly AddonFunction[]}
 */
export function listFunctions(addon) {
  /** @type {AddonFunction[]} */
  const found = [];
  const add = (/** @type {string} */ name, /** @type {any} */ owner, /** @type {string} */ member, isClass = false) => {
    const takes = ARGUMENTS[name];
    if (!takes) throw new Error(`the addon exports ${name}, which has no row in addon-calls.mjs`);
    found.push({ name, owner, member, isClass, takes });
  };
  const addAll = (/** @type {string} */ prefix, /** @type {object} */ owner) => {
    for (const [member, value] of Object.entries(owner)) {
      const name = `${prefix}${member}`;
      if (typeof value === 'function') {
        const methods = Object.getOwnPropertyNames(value.prototype ?? {}).filter((method) => method !== 'constructor');
        add(name, owner, member, methods.length > 0);
        for (const method of methods) add(`${name}.${method}`, value, method);
      } else if (typeof value === 'object') addAll(`${name}.`, value);
      else if (typeof value !== 'boolean') throw new Error(`the addon exports ${name}, which is a ${typeof value}`);
    }
  };
  addAll('', addon);
  return found;
}

/**
 * A value that each kind takes. `library` and `model` are handles, if there are any.
 *
 * @param {{ readonly file: string, readonly cache: string, readonly descriptor: number, readonly librarySo: string, readonly model: string, library?: unknown, loaded?: unknown }} given
 * @returns {Readonly<Record<string, () => unknown>>}
 */
export function rightValues(given) {
  const messages = [{ role: 'user', parts: [{ type: 'text', text: 'Hello.' }] }];
  return {
    integer: () => given.descriptor,
    // A thread is held for a second if nobody releases it, and whoever needs one waits meanwhile.
    threads: () => 0,
    parent: () => process.ppid,
    number: () => 5e6,
    flag: () => false,
    path: () => given.cache,
    libraryPath: () => given.librarySo,
    text: () => 'llama_cpp',
    layout: () => 'geniex-0.5',
    function: () => () => {},
    paths: () => [given.file],
    notices: () => [[1, given.file, 0]],
    table: () => Int32Array.of(1, 0, 0),
    rows: () => new Float64Array(10),
    left: () => new Float64Array(1),
    figures: () => new Float64Array(16),
    pair: () => new Float64Array(2),
    bytes: () => new Uint8Array(0),
    // All of them zero, which no build takes for a model.
    parameters: () => new Uint8Array(8),
    engine: () => [ENGINE],
    folder: () => '',
    library: () => given.library,
    model: () => given.loaded,
    load: () => ({ modelPath: given.model, pluginId: 'llama_cpp', contextSize: 256, specialTokens: [], addsBos: true }),
    generate: () => ({ messages, prompt: 'Hello.', maxTokens: 5, stop: ['x'], audio: [], images: [], topP: 0.5 }),
    chat: () => ({ messages, thinking: false }),
    held: () => ({ text: new Uint8Array(0), tokens: 0 }),
  };
}
