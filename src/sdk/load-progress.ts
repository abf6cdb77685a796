/** What a program is told of the progress of a load, whatever its engine reports. It knows no engine. */

/** Reports percentages that rise, and 100 once at the end. An error of the program's listener is a warning and ends no load. */
export class LoadProgress {
  /** For the engine; `undefined` if the program doesn't listen. */
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
