/** Promises that are paid by what processes of models hold. It reads no process itself. */
import type { Ledger, Reservation } from '../ledger/ledger.ts';

/** What the process holds that some promises were made for. */
export interface TakenSource {
  /** `undefined`: it can't be told, and pays for nothing. */
  readTakenBytes(): number | undefined;
}

export class PaidPromises {
  readonly #ledger: Pick<Ledger, 'noteTaken'>;
  /** In the order in which they were made. */
  readonly #followed = new Map<TakenSource, Set<Reservation>>();

  constructor(ledger: Pick<Ledger, 'noteTaken'>) {
    this.#ledger = ledger;
  }

  /** From now on this promise is paid by what a process holds. */
  follow(source: TakenSource, reservation: Reservation): void {
    const paid = this.#followed.get(source) ?? new Set();
    this.#followed.set(source, paid.add(reservation));
  }

  forget(reservation: Reservation): void {
    for (const [source, paid] of this.#followed) {
      if (paid.delete(reservation) && paid.size === 0) this.#followed.delete(source);
    }
  }

  /** What a process holds pays for the first of its promises first. Returns whether anything has changed. */
  pay(): boolean {
    let changed = false;
    for (const [source, paid] of this.#followed) {
      let left = source.readTakenBytes() ?? 0;
      for (const reservation of paid) {
        const bytes = Math.min(left, reservation.need.anonymousBytes);
        left -= bytes;
        changed = this.#ledger.noteTaken(reservation, bytes) || changed;
      }
    }
    return changed;
  }
}
