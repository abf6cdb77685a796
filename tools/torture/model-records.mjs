/**
 * The truth about an SDK's models: what it holds, who asked for an end, what runs. It tells breaches of the rules that can be seen at
 * the SDK itself: a second disposal, a use after one, an end that nobody asked for. It knows no guard.
 */

/** @typedef {(invariant: string, found: string) => void} Violate */
/** @typedef {{ by: 'user' | 'guard', outcome: 'running' | 'done' | 'failed', atMs: number, settledMs?: number }} Disposal */
/** @typedef {{ settledMs: number | undefined }} SdkPart one call that reached the SDK */

/** After so long the guard waits for a disposal no more, and another may begin. */
export const GIVEN_UP_AFTER_MS = 10_000;

export class ModelRecord {
  /** @type {'loading' | 'live' | 'gone' | 'failed'} */
  state = 'loading';
  /** @type {object | undefined} the SDK's own object */
  raw;
  takenBytes = 0;
  /** @type {Disposal[]} */
  disposals = [];
  /** Calls and streams that run. */
  running = 0;
  /** When it began to be idle. */
  idleSinceMs = 0;
  /** When its load settled. @type {number | undefined} */
  loadedMs;
  /** The handle was thrown away: the guard may end it. */
  lost = false;
  /**
   * The SDK was told to end all in the very turn in which it had answered this load: nobody but the SDK knows whether it ended this one
   * too. The guard holds it until its user disposes it, which reaches the SDK.
   */
  unseen = false;

  /** @param {string} name @param {number} needBytes @param {boolean} pinned @param {number} beganMs */
  constructor(name, needBytes, pinned, beganMs) {
    this.beganMs = beganMs;
    this.name = name;
    this.needBytes = needBytes;
    this.pinned = pinned;
  }

  /** Whether the SDK still has it in memory. */
  get held() {
    return this.state === 'live';
  }

  get beingDisposed() {
    return this.disposals.some(({ outcome }) => outcome === 'running');
  }

  /** Whether a disposal has begun that did not fail. */
  get ending() {
    return this.disposals.some(({ outcome }) => outcome !== 'failed');
  }
}

export class ModelRecords {
  /** @type {ModelRecord[]} */
  all = [];
  /** SDK parts that began inside the operation that runs now. @type {SdkPart[] | undefined} */
  within;
  /** Ends that the user asked for and that have not been answered yet. @type {Set<(record: ModelRecord) => boolean>} */
  asks = new Set();
  /** Ends of several models by one call of the SDK that run. */
  endsOfSeveral = 0;
  /** Makes it real. @type {(record: ModelRecord, bytes: number) => void} */
  onTaken = () => {};
  #nowMs;
  #violate;
  #mayEnd;
  /** Told of what happens in the SDK. @type {(line: string) => void} */
  trace;

  /**
   * @param {() => number} nowMs @param {Violate} violate
   * @param {(record: ModelRecord) => string | undefined} mayEnd why the guard may not end this model of its own accord now
   * @param {(line: string) => void} [trace]
   */
  constructor(nowMs, violate, mayEnd, trace = () => {}) {
    this.#nowMs = nowMs;
    this.#violate = violate;
    this.#mayEnd = mayEnd;
    this.trace = trace;
  }

  get held() {
    return this.all.filter((record) => record.held);
  }

  /** @param {string} name */
  named(name) {
    return this.all.filter((record) => record.name === name);
  }

  /** @param {string} name @param {number} needBytes @param {boolean} pinned */
  beginLoad(name, needBytes, pinned) {
    const record = new ModelRecord(name, needBytes, pinned, this.#nowMs());
    this.all.push(record);
    this.trace(`load of ${name} begins`);
    return record;
  }

  /** @param {ModelRecord} record @param {'live' | 'failed'} state */
  endLoad(record, state) {
    this.trace(`load of ${record.name} ${state === 'live' ? 'done' : 'failed'}`);
    record.state = state;
    record.loadedMs = this.#nowMs();
    record.idleSinceMs = this.#nowMs();
  }

  /** The SDK is asked to end a model. The result says how that went. @param {ModelRecord} record @returns {(outcome: 'done' | 'failed') => void} */
  beginDisposal(record) {
    this.#checkFirst(record);
    const by = [...this.asks].some((asksFor) => asksFor(record)) ? 'user' : 'guard';
    if (by === 'guard') {
      const fault = this.#mayEnd(record);
      if (fault !== undefined) this.#violate('disposed-unasked', `${record.name} is disposed by the guard: ${fault}`);
    }
    /** @type {Disposal} */
    const disposal = { by, outcome: 'running', atMs: this.#nowMs() };
    record.disposals.push(disposal);
    this.trace(`disposal of ${record.name} by ${by} begins`);
    const endPart = this.beginPart();
    return (outcome) => {
      if (disposal.outcome !== 'running') return;
      Object.assign(disposal, { outcome, settledMs: this.#nowMs() });
      this.trace(`disposal of ${record.name} by ${by} ${outcome}`);
      endPart();
      if (outcome === 'done') this.forget(record);
    };
  }

  /** The SDK holds it no more. @param {ModelRecord} record */
  forget(record) {
    record.state = 'gone';
    this.take(record, 0);
  }

  /** What a model takes from now on. @param {ModelRecord} record @param {number} bytes */
  take(record, bytes) {
    if (record.takenBytes === bytes) return;
    record.takenBytes = bytes;
    this.onTaken(record, bytes);
  }

  /** No two disposals run, but for one that has run for so long that it is given up. @param {ModelRecord} record */
  #checkFirst(record) {
    if (record.unseen) return;
    const { outcome, atMs } = record.disposals.find((disposal) => disposal.outcome !== 'failed') ?? {};
    // Asked again afterwards, an SDK answers itself.
    if (outcome !== 'running' || atMs === undefined || this.#nowMs() - atMs >= GIVEN_UP_AFTER_MS) return;
    this.#violate('disposed-twice', `${record.name} is disposed again (${describeDisposals(record)})`);
  }

  /** A call reaches a model. The result is called when it ends, and told whether the model was used. @param {ModelRecord} record @param {string} method @returns {(used?: boolean) => void} */
  beginUse(record, method) {
    this.checkUse(record, method);
    const endPart = this.beginPart();
    record.running += 1;
    this.trace(`${method} of ${record.name} begins`);
    let ended = false;
    return (used = true) => {
      if (ended) return;
      ended = true;
      this.trace(`${method} of ${record.name} ends`);
      endPart();
      record.running -= 1;
      if (used) record.idleSinceMs = this.#nowMs();
    };
  }

  /** @param {ModelRecord} record @param {string} method */
  checkUse(record, method) {
    if (record.unseen) return;
    const endings = record.disposals.filter(({ outcome }) => outcome !== 'failed');
    const [ending] = endings;
    // What a user calls after a disposal of the user's own, an SDK answers itself; while that runs, it may crash.
    if (ending === undefined || endings.some(({ by, outcome }) => by === 'user' && outcome === 'done')) return;
    if (ending.by === 'user') {
      // A stream that was begun before is a call that runs, and what may stop such a call goes through to it.
      if (method.startsWith('generateStream (') || method === 'tokenize') return;
      if (this.#nowMs() - ending.atMs >= GIVEN_UP_AFTER_MS) return;
    }
    const found = `${record.name}.${method} reaches the SDK (${describeDisposals(record)})`;
    this.#violate(`used-after-disposal-by-${ending.by}`, found);
  }

  /** Something begins in the SDK, on behalf of the operation that runs now. The result is called when it is answered. @returns {() => void} */
  beginPart() {
    /** @type {SdkPart} */
    const part = { settledMs: undefined };
    this.within?.push(part);
    return () => {
      part.settledMs ??= this.#nowMs();
    };
  }
}

/** @param {ModelRecord} record */
function describeDisposals({ disposals }) {
  return disposals.map(({ by, outcome, atMs }) => `disposal by ${by} at ${Math.round(atMs)} ms: ${outcome}`).join(', ');
}
