/** An SDK in this process that answers as its faults say. Its models take imagined memory, and it keeps the records of what reaches it. */
import { SdkFault } from './sdk-faults.mjs';

/** @typedef {import('./model-records.mjs').ModelRecord} ModelRecord */
/** @typedef {import('./model-records.mjs').ModelRecords} ModelRecords */
/** @typedef {import('./sdk-faults.mjs').SdkFaults} SdkFaults */
/** @typedef {{ parts?: number, breaksAt?: number | undefined, hangsAt?: number | undefined, plain?: boolean, audio?: string | undefined }} StreamOptions */

/** The share of its need that a model takes while it is loaded; the first call takes the rest. */
const TAKEN_BY_LOAD = 0.7;

export class FakeSdk {
  /** @type {ModelRecords} */
  #records;
  /** @type {SdkFaults} */
  #faults;

  /** @param {ModelRecords} records @param {SdkFaults} faults */
  constructor(records, faults) {
    this.#records = records;
    this.#faults = faults;
  }

  /** @param {string} name @param {{ needBytes: number, pinned: boolean }} options @returns {unknown} */
  loadModel(name, { needBytes, pinned }) {
    const record = this.#records.beginLoad(name, needBytes, pinned);
    return this.#faults.give(this.#faults.choose(), `the load of ${name}`, {
      succeed: () => {
        this.#records.endLoad(record, 'live');
        this.#records.take(record, Math.floor(needBytes * TAKEN_BY_LOAD));
        record.raw = new FakeModel(record, this.#records, this.#faults);
        return record.raw;
      },
      fail: () => this.#records.endLoad(record, 'failed'),
    });
  }

  /** @param {unknown} model or its name */
  unloadModel(model) {
    return this.#disposeSome(({ raw, name }) => raw === model || name === model, 'unloadModel');
  }

  dispose() {
    return this.#disposeSome(() => true, 'the dispose of the SDK');
  }

  /** @param {(record: ModelRecord) => boolean} match @param {string} what */
  #disposeSome(match, what) {
    const going = this.#records.held.filter(match);
    // A model that is being disposed already is left to that, and is gone all the same when this is done.
    const disposals = going.filter(({ ending }) => !ending).map((record) => this.#records.beginDisposal(record));
    const endPart = this.#records.beginPart();
    this.#records.trace(`${what} begins`);
    this.#records.endsOfSeveral += 1;
    let ended = false;
    const end = (/** @type {'done' | 'failed'} */ outcome) => {
      if (!ended) this.#records.endsOfSeveral -= 1;
      ended = true;
      endPart();
      for (const each of disposals) each(outcome);
      if (outcome === 'done') for (const record of going) this.#records.forget(record);
    };
    return this.#faults.give(this.#faults.choose(), what, { succeed: () => end('done'), fail: () => end('failed') });
  }
}

class FakeModel {
  #record;
  #records;
  #faults;

  /** @param {ModelRecord} record @param {ModelRecords} records @param {SdkFaults} faults */
  constructor(record, records, faults) {
    this.#record = record;
    this.#records = records;
    this.#faults = faults;
  }

  get label() {
    return this.#record.name;
  }

  /** Not an inference: it takes nothing. @returns {unknown} */
  tokenize() {
    return this.#call('tokenize');
  }

  /** @param {{ audio?: string }} [_options] @returns {unknown} */
  generate(_options) {
    this.#takeRest();
    return this.#call('generate');
  }

  /** @param {StreamOptions} [options] @returns {unknown} */
  generateStream(options = {}) {
    return options.plain ? this.#generate(options) : new FakeStream(this.#generate(options));
  }

  /** @returns {unknown} */
  dispose() {
    const end = this.#records.beginDisposal(this.#record);
    const { name } = this.#record;
    return this.#faults.give(this.#faults.choose(), `the dispose of ${name}`, {
      succeed: () => end('done'),
      fail: () => end('failed'),
    });
  }

  /** @param {string} method */
  #call(method) {
    const end = this.#records.beginUse(this.#record, method);
    const answer = this.#faults.choose();
    const succeed = () => {
      end();
      return 'text';
    };
    // What throws at once was no use of the model.
    const fail = () => end(answer.kind !== 'throw');
    return this.#faults.give(answer, `${method} of ${this.#record.name}`, { succeed, fail });
  }

  #takeRest() {
    if (this.#record.held) this.#records.take(this.#record, this.#record.needBytes);
  }

  /** @param {StreamOptions} options @returns {AsyncGenerator<string, void, void>} */
  async *#generate({ parts = 3, breaksAt, hangsAt }) {
    const end = this.#records.beginUse(this.#record, 'generateStream');
    const { name } = this.#record;
    this.#takeRest();
    try {
      for (let part = 0; part < parts; part++) {
        if (part > 0) this.#records.checkUse(this.#record, `generateStream (part ${part})`);
        if (part === breaksAt) throw new SdkFault(`a stream of ${name} failed`);
        if (part === hangsAt && this.#faults.enabled) {
          await this.#faults.give({ kind: 'hang', delayMs: 0 }, `a stream of ${name}`, { succeed() {}, fail() {} });
        }
        yield `part ${part}`;
      }
    } finally {
      end();
    }
  }
}

/** The same stream as an object of the SDK's own, which is no generator. */
class FakeStream {
  #generator;

  /** @param {AsyncGenerator<string, void, void>} generator */
  constructor(generator) {
    this.#generator = generator;
  }

  next() {
    return this.#generator.next();
  }

  return() {
    return this.#generator.return();
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
