/** A process that models live in, as the guard holds it: what it holds, which loads it pays for, and how it ended. It starts and ends nothing. */
import type { KillerScope, ModelProcess, ProcessEnd, ProcessProbe } from '../core/model-process.ts';
import type { HeldFile } from '../core/types.ts';

export class HeldProcess {
  readonly process: ModelProcess;
  readonly #probe: ProcessProbe | undefined;
  /** What it held before its first load is no model's. */
  readonly #startBytes: number;
  #heldBytes: number | undefined;
  #end: ProcessEnd | undefined;

  /** `probe` is absent if the system doesn't tell what it holds. */
  constructor(process: ModelProcess, probe: ProcessProbe | undefined) {
    this.process = process;
    this.#probe = probe;
    this.#heldBytes = probe?.readBytes();
    this.#startBytes = this.#heldBytes ?? 0;
    void process.ended.then((end) => {
      this.#end = end;
      // Whoever tells of its end asks first who ended it.
      setImmediate(() => probe?.close());
    });
  }

  /** Whether what it holds can be read. */
  get readable(): boolean {
    return this.#probe !== undefined;
  }

  /** Whether what it takes is one model's alone, and can be read. */
  get own(): boolean {
    return this.readable && !this.process.shared;
  }

  /** How it ended. `undefined` while it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end;
  }

  /** Anonymous bytes that it held when it was looked at last. */
  get heldBytes(): number | undefined {
    return this.#heldBytes;
  }

  /**
   * Anonymous bytes that pay for what was reserved, now or when it was looked at last: all of a process that was started for one model, and
   * what one of several has grown by. `undefined` if the system doesn't tell.
   */
  readTakenBytes(): number | undefined {
    return this.process.shared ? this.readGrownBytes() : this.#look();
  }

  /** Anonymous bytes that it has taken since its first load began, now or when it was looked at last. `undefined` if the system doesn't tell. */
  readGrownBytes(): number | undefined {
    const heldBytes = this.#look();
    return heldBytes === undefined ? undefined : Math.max(0, heldBytes - this.#startBytes);
  }

  listMappings(): readonly HeldFile[] | undefined {
    return this.#probe?.listMappings();
  }

  /** Gives it a wall. Returns why it has none, in one sentence; `undefined` if it has one, or can't be looked at either. */
  contain(limitBytes: number): string | undefined {
    return this.#probe?.contain(limitBytes);
  }

  #look(): number | undefined {
    this.#heldBytes = this.#probe?.readBytes() ?? this.#heldBytes;
    return this.#heldBytes;
  }

  /** The scope whose out-of-memory killer has ended it. `undefined`: none did. */
  findKiller(): KillerScope | undefined {
    return this.#end?.signal === 'SIGKILL' && !this.#end.hung ? this.#probe?.findKiller() : undefined;
  }
}
