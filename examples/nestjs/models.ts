/** The models of a folder, each loaded when it is first asked for. */
import path from 'node:path';
import type { GuardedNexa } from './memory-guard.module.ts';

type Loading = ReturnType<GuardedNexa['loadModel']>;

export class Models {
  readonly #nexa: GuardedNexa;
  readonly #folder: string;
  readonly #loading = new Map<string, Loading>();

  constructor(nexa: GuardedNexa, folder: string) {
    this.#nexa = nexa;
    this.#folder = folder;
  }

  /** One load for all that ask at once; one that failed is tried again. */
  get(file: string): Loading {
    const known = this.#loading.get(file);
    if (known) return known;
    const modelPath = path.join(this.#folder, path.basename(file));
    const loading = this.#nexa.loadModel(modelPath, { memoryGuard: { wait: { timeoutMs: 2000 } } });
    this.#loading.set(file, loading);
    loading.catch(() => this.#loading.delete(file));
    return loading;
  }
}
