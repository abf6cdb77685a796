/** Tells the other processes what is held here: at once, with the next turn, and while a load runs by its meter. It decides nothing. */
import { readMachineUs } from '../core/clock.ts';
import type { Ledger, Reservation } from '../ledger/ledger.ts';
import type { Holdings, RecordMeter } from '../ledger/ledger-record.ts';
import type { Peer } from '../ledger/peer-headroom.ts';

/** The other processes' side of the ledger. */
export interface SharedHoldings {
  peers(): readonly Peer[];
  publish(scopes: readonly string[], holdings: Holdings): void;
  /** Where a meter may write what a running load takes. */
  readonly meterPlace?: { readonly descriptor: number; readonly offset: number } | undefined;
}

/** Writes what a running load takes to 16 bytes of a file, also while JavaScript is blocked. False if it can't. */
export interface PublishingMeter {
  publishTo(descriptor: number, offset: number, number: number): boolean;
}

export interface HoldingsTellerParts {
  readonly ledger: Ledger;
  /** Absent if other processes are not to be seen. */
  readonly shared?: SharedHoldings;
  /** The scopes that are burdened by what is held here. */
  readonly scopes: () => readonly string[];
}

/** Each is used once. They begin anywhere, since whoever had this thread's slot before may still have a meter that writes there. */
let nextMeterNumber = 1 + Math.floor(Math.random() * 2 ** 30);

export class HoldingsTeller {
  readonly #parts: HoldingsTellerParts;
  #soon: NodeJS.Immediate | undefined;
  /** The scopes that were told last. */
  #toldScopes: readonly string[] | undefined;
  /** The load whose meter writes for other processes; the last of several. */
  #metered: { readonly reservation: Reservation; readonly number: number } | undefined;

  constructor(parts: HoldingsTellerParts) {
    this.#parts = parts;
  }

  /** @throws MemoryGuardError `ERR_LEDGER` if other processes can't be told. */
  tell(): void {
    const { ledger, shared, scopes } = this.#parts;
    if (!shared) return;
    clearImmediate(this.#soon);
    this.#soon = undefined;
    this.#toldScopes = scopes();
    const meter = this.#describeMeter();
    shared.publish(this.#toldScopes, { ...ledger.describeHoldings(readMachineUs()), ...(meter && { meter }) });
  }

  /** The same. If it fails, what they know is more than what is held, or it is told with the next decision. */
  publish(): void {
    try {
      this.tell();
    } catch {
      // The ledger has told its listeners.
    }
  }

  /** In the next turn, or with what is told before: for what nobody waits for, since it gives nothing back. */
  publishSoon(): void {
    if (this.#parts.shared) this.#soon ??= setImmediate(() => this.publish());
  }

  /** If this process was moved to another group, what it holds burdens that one. */
  publishIfMoved(): void {
    const told = this.#toldScopes;
    if (told && !isSame(told, this.#parts.scopes())) this.publish();
  }

  /** From now on they see what a load takes also while this process is blocked by it. */
  meter(reservation: Reservation, meter: PublishingMeter): void {
    const place = this.#parts.shared?.meterPlace;
    if (!place) return;
    const number = nextMeterNumber++;
    if (!meter.publishTo(place.descriptor, place.offset, number)) return;
    this.#metered = { reservation, number };
    this.publish();
  }

  #describeMeter(): RecordMeter | undefined {
    if (!this.#metered) return undefined;
    const { reservation, number } = this.#metered;
    const takenBytes = this.#parts.ledger.getTakenBytes(reservation);
    if (takenBytes === undefined) this.#metered = undefined;
    return takenBytes === undefined ? undefined : { number, takenBytes };
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index]);
}
