/** A process that models live in, as the guard holds it: what it holds, which loads it pays for, and how it ended. It starts and ends nothing. */
import type { KillerScope, ModelProcess, ProcessEnd, ProcessProbe } from '../core/model-process.ts';
import type { HeldFile } from '../core/types.ts';

export class HeldProcess {
  readonly process: ModelProcess;
  readonly #probe: ProcessProbe | undefined;
  /** What it held before its first load is no model's. `undefined` if it could not be read then: what it has grown by is never known. */
  #startBytes: number | undefined;
  #heldBytes: number | undefined;
  #end: ProcessEnd | undefined;
  #killer: KillerScope | undefined;
  /** Anonymous bytes that fill the wall that it was given, at the least. 0: it has none. */
  #wallBytes = 0;
  #wallMappedBytes = 0;
  #widenedBytes = 0;

  /** `probe` is absent if the system doesn't tell what it holds. */
  constructor(process: ModelProcess, probe: ProcessProbe | undefined) {
    this.process = process;
    this.#probe = probe;
    this.#heldBytes = probe?.readBytes();
    this.#startBytes = this.#heldBytes;
    void process.ended.then((end) => {
      this.#end = end;
      // Once: the kernel's counters tell each kill to one who asks, and what is told of it may be told of several models.
      // The first process of a tree ends as it likes if the kernel has ended one that it had started.
      const killed = end.signal === 'SIGKILL' || process.tree;
      if (killed && !end.hung && !end.asked) this.#killer = probe?.findKiller();
      probe?.close();
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

  /** The scope whose out-of-memory killer has ended it. `undefined`: none did. */
  get killer(): KillerScope | undefined {
    return this.#killer;
  }

  /** Anonymous bytes that it held when it was looked at last. */
  get heldBytes(): number | undefined {
    return this.#heldBytes;
  }

  /**
   * Anonymous bytes that pay for what was reserved: all of a process that was started for one model, and what one of several has grown by.
   * `undefined` if it can't be told now: what was read before may have been given back, and pays for nothing.
   */
  readTakenBytes(): number | undefined {
    const nowBytes = this.#look();
    return this.process.shared ? this.#countGrown(nowBytes) : nowBytes;
  }

  /** Anonymous bytes that it has taken since its first load began, now or when it was looked at last. `undefined` if the system doesn't tell. */
  readGrownBytes(): number | undefined {
    this.#look();
    return this.#countGrown(this.#heldBytes);
  }

  /** So many of its bytes are nobody's any more, and will not come back while it runs: they pay for nothing. */
  writeOff(bytes: number): void {
    if (this.#startBytes !== undefined) this.#startBytes += bytes;
  }

  listMappings(): readonly HeldFile[] | undefined {
    return this.#end ? undefined : this.#probe?.listMappings();
  }

  /**
   * Gives it a wall, of which files that it maps may fill `mappedBytes`. Resolves with why it has none, in one sentence; with `undefined` if it
   * has one, or can't be looked at either. It never rejects.
   */
  async contain(limitBytes: number, mappedBytes: number): Promise<string | undefined> {
    const reason = await this.#probe?.contain(limitBytes);
    if (reason === undefined) [this.#wallBytes, this.#wallMappedBytes] = [limitBytes - mappedBytes, mappedBytes];
    return reason;
  }

  /**
   * Moves its wall for what a call may take beside the model, as far as none before has moved it. It is not moved back: what lies behind would have to
   * go at once.
   */
  widen(bytes: number): void {
    const moreBytes = bytes - this.#widenedBytes;
    if (this.#wallBytes === 0 || moreBytes <= 0) return;
    this.#widenedBytes = bytes;
    this.#wallBytes += moreBytes;
    void this.#probe?.contain(this.#wallBytes + this.#wallMappedBytes);
  }

  /** Anonymous bytes that its model had taken at the least when the kernel ended it. `undefined` if it didn't, or the system doesn't tell. */
  get fatalBytes(): number | undefined {
    const grownBytes = this.readGrownBytes();
    if (this.#killer === undefined || grownBytes === undefined) return undefined;
    // It was looked at a moment before. What it had taken before it got a wall doesn't fill that.
    return this.#killer.own ? Math.max(grownBytes, this.#wallBytes) : grownBytes;
  }

  #look(): number | undefined {
    // Its number may be another process's by now.
    if (this.#end) return undefined;
    const nowBytes = this.#probe?.readBytes();
    this.#heldBytes = nowBytes ?? this.#heldBytes;
    return nowBytes;
  }

  #countGrown(bytes: number | undefined): number | undefined {
    if (bytes === undefined || this.#startBytes === undefined) return undefined;
    return Math.max(0, bytes - this.#startBytes);
  }
}
