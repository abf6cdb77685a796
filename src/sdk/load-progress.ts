/** What a program hears of a load, whatever its engine tells. It knows no engine. */

/** Percents that rise, and 100 once at the end. */
export class LoadProgress {
  readonly listener: ((percent: number) => void) | undefined;
  readonly #tell: ((percent: number) => void) | undefined;
  #last = -1;

  constructor(tell: ((percent: number) => void) | undefined) {
    this.#tell = tell;
    this.listener = tell && ((percent) => this.#report(percent));
  }

  finish(): void {
    this.#report(100);
  }

  #report(percent: number): void {
    if (percent <= this.#last) return;
    this.#last = percent;
    try {
      this.#tell?.(percent);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
