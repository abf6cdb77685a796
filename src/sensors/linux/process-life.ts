/** Whether a process still runs, by its number and by when it began: numbers are used again. It ends none. */
import { readFileSync } from 'node:fs';

export class ProcessLife {
  readonly #file: string;
  readonly #startedAt: string | undefined;
  /** The program's short name, as the kernel has it. `undefined` if there is no such process. */
  readonly command: string | undefined;

  constructor(pid: number, root = '/proc') {
    this.#file = `${root}/${pid}/stat`;
    const found = this.#read();
    this.#startedAt = found?.startedAt;
    this.command = found?.command;
  }

  /** One that has ended and is not yet asked for its exit code holds no memory any more. */
  get runs(): boolean {
    const found = this.#read();
    return found !== undefined && found.startedAt === this.#startedAt && !/[ZX]/.test(found.state);
  }

  /** `4021 (node) S 1 ...`: the state follows the name, and its start is the 22nd field. The name may hold anything. */
  #read(): { readonly command: string; readonly state: string; readonly startedAt: string } | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return undefined; // it is gone
    }
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = '', startedAt = ''] = [fields[0], fields[19]];
    return { command: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), state, startedAt };
  }
}
