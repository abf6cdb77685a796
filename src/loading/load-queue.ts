/** Lets a bounded number of holders in at a time, first come first served. It knows nothing of what they do. */

interface Waiting {
  admit(): void;
  refuse(reason: unknown): void;
}

export class LoadQueue {
  readonly #places: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Resolves with the way out once a place is free. Rejects with the signal's reason if that aborts first. */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#taken < this.#places) this.#taken += 1;
    else await this.#turn(signal);
    let left = false;
    return () => {
      if (!left) this.#leave();
      left = true;
    };
  }

  /** Rejects everybody who waits. */
  close(reason: unknown): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(reason);
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        admit() {
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
        refuse(reason) {
          signal?.removeEventListener('abort', aborted);
          reject(reason);
        },
      };
      const aborted = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.refuse(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** The place goes straight to the next in line, so nobody can slip in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#taken -= 1;
  }
}
