/** Where a world of a real engine plays: tiny models that are really loaded, in the same places and with the same peers as real memory. */
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { ENGINES } from './engines.mjs';
import { MemoryStage } from './memory-stage.mjs';

/** @typedef {import('./model-records.mjs').ModelRecord} ModelRecord */
/** @typedef {import('./world.mjs').World} World */
/** @typedef {import('./engines.mjs').Engine} Engine */

const MiB = 2 ** 20;
/** These belong to the fake SDK: a real one's are not told apart by name. */
const FAKE_ALONE = ['unloadByName', 'unloadByHandle', 'disposeSdk', 'answerLate'];

export class EngineStage extends MemoryStage {
  /** @override */
  needs = [8, 16, 64, 128].map((mib) => mib * MiB);
  /** @override */
  countsCalls = false;
  #engine;
  #sdk;
  #loadModel;
  #folder;
  #model;
  /** @type {Map<string, { needBytes: number, pinned: boolean }>} */
  #asked = new Map();

  /**
   * @param {Engine} engine @param {any} sdk of it @param {string} model path of its file
   * @param {ConstructorParameters<typeof MemoryStage>} place
   */
  constructor(engine, sdk, model, ...place) {
    super(...place);
    this.#engine = engine;
    this.#sdk = sdk;
    this.#loadModel = sdk.loadModel;
    this.#model = model;
    [this.#folder] = place;
  }

  /** @override @param {World} world */
  chooseOptions(world) {
    return { ...super.chooseOptions(world), onSensorFailure: 'refuse' };
  }

  /** @override @param {World} world */
  makeSdk({ records }) {
    this.#sdk.loadModel = async (/** @type {unknown[]} */ ...args) => {
      const [first] = /** @type {any[]} */ (args);
      const name = typeof first === 'string' ? first : (first.model ?? first.modelPath);
      const { needBytes, pinned } = this.#asked.get(name) ?? { needBytes: 0, pinned: false };
      const record = records.beginLoad(name, needBytes, pinned);
      try {
        record.raw = /** @type {object} */ (await this.#loadModel.apply(this.#sdk, args));
        records.endLoad(record, 'live');
        this.#record(record, /** @type {any} */ (record.raw), records);
        return record.raw;
      } catch (error) {
        records.endLoad(record, 'failed');
        throw error;
      }
    };
    return this.#sdk;
  }

  /** Each model has a path of its own. @override @param {number} number */
  nameModel(number) {
    const file = path.join(this.#folder, `m${number}.gguf`);
    this.quietly(() => symlinkSync(this.#model, file));
    return file;
  }

  /** Every other load is estimated from its file. @override @param {string} name @param {{ needBytes: number, pinned: boolean, memoryGuard: { footprint?: unknown } }} options */
  listArguments(name, { needBytes, pinned, memoryGuard: { footprint, ...memoryGuard } }) {
    this.#asked.set(name, { needBytes, pinned });
    const given = needBytes > 8 * MiB ? { ...memoryGuard, footprint } : memoryGuard;
    return this.#engine.listArguments(name, given);
  }

  /** @override @param {any} handle @returns {import('./world.mjs').Handle} */
  adaptHandle(handle) {
    const [disposer = 'dispose'] = this.#engine.disposers;
    const { generate, generateStream, tokenize } = this.#engine.adapt(handle);
    const { diesBusy } = this.#engine;
    /** @type {Set<unknown>} */
    const running = new Set();
    const follow = (/** @type {unknown} */ result) => {
      const call = Promise.resolve(result);
      running.add(call);
      const ended = () => running.delete(call);
      call.then(ended, ended);
      return result;
    };
    // A user of an engine that dies of a call beside a disposal lets the one end before the other begins.
    const after = (/** @type {() => unknown} */ call) =>
      diesBusy && running.size > 0 ? follow(Promise.allSettled(running).then(call)) : follow(call());
    return {
      generate: () => after(generate),
      generateStream,
      tokenize: () => after(tokenize),
      dispose: () => after(() => handle[disposer]()),
      [Symbol.asyncDispose]: () => after(() => handle[Symbol.asyncDispose]()),
    };
  }

  /** @override */
  get operations() {
    const none = Object.fromEntries(FAKE_ALONE.map((name) => [name, { weight: 0, run: () => undefined }]));
    return { ...super.operations, ...none };
  }

  /** An engine's own errors have no code. @override @param {unknown} error */
  expectsError(error) {
    const [, thrower = ''] = (error instanceof Error && error.stack?.split(/\n\s+at /)) || [];
    return thrower.includes('node_modules/');
  }

  /** @override @param {World} world */
  async close(world) {
    this.#sdk.loadModel = this.#loadModel;
    // Whatever a broken world left loaded.
    for (const { held, ending, raw } of world.records.all) {
      if (held && !ending) await /** @type {any} */ (raw)[this.#engine.disposers[0] ?? ''](); // through its record
    }
    await super.close(world);
  }

  /** Ends and uses are seen at the SDK's own object. @param {ModelRecord} record @param {any} raw @param {World['records']} records */
  #record(record, raw, records) {
    for (const method of this.#engine.disposers) {
      const original = raw[method];
      raw[method] = (/** @type {unknown[]} */ ...args) => {
        const end = records.beginDisposal(record);
        const result = original.apply(raw, args);
        Promise.resolve(result).then(
          () => end('done'),
          () => end('failed'),
        );
        return result;
      };
    }
    for (const method of this.#engine.uses) {
      const original = raw[method];
      raw[method] = (/** @type {unknown[]} */ ...args) => {
        records.checkUse(record, method);
        return original.apply(raw, args);
      };
    }
  }
}

/** The engine of a world: one after another. @param {number} world */
export function chooseEngine(world) {
  return /** @type {Engine} */ (ENGINES[world % ENGINES.length]);
}
