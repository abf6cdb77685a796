/** Looks at a process of a model on the machine that this process runs on. It decides nothing. */
import { readMessage } from '../core/errors.ts';
import type { KillerScope, ModelProcess, ProcessProbe } from '../core/model-process.ts';
import type { HeldFile } from '../core/types.ts';
import { type ContainedProcess, openContainment } from '../processes/containment.ts';
import { watchKills } from '../processes/kill-watch.ts';
import { readProcessBytes } from '../processes/process-bytes.ts';
import { listProcessTree } from '../processes/process-tree.ts';
import { listMappingsOf } from '../sensors/linux/mapping-watch.ts';

export function openProcessProbe(process: Pick<ModelProcess, 'pid' | 'tree'>): ProcessProbe {
  return new RealProcessProbe(process);
}

class RealProcessProbe implements ProcessProbe {
  readonly #pid: number;
  readonly #tree: boolean;
  readonly #kills = watchKills();
  #contained: ContainedProcess | undefined;
  #closed = false;

  constructor({ pid, tree = false }: Pick<ModelProcess, 'pid' | 'tree'>) {
    this.#pid = pid;
    this.#tree = tree;
  }

  readBytes(): number | undefined {
    const held = this.#listPids().map((pid) => readProcessBytes(pid) ?? 0);
    const bytes = held.reduce((sum, each) => sum + each, 0);
    // Each process holds something, if only its stack.
    return bytes > 0 ? bytes : undefined;
  }

  listMappings(): readonly HeldFile[] | undefined {
    const files = new Map<string, HeldFile>();
    for (const pid of this.#listPids()) {
      const mapped = listMappingsOf(pid);
      // What one of them maps is unknown, and so is the sum.
      if (mapped === undefined) return undefined;
      for (const file of mapped) files.set(file.key, file);
    }
    return [...files.values()];
  }

  async contain(limitBytes: number): Promise<string | undefined> {
    try {
      if (this.#contained) {
        this.#contained.limit(limitBytes);
        return undefined;
      }
      // Each time, in half a millisecond: the program may be in another group than before.
      const place = openContainment();
      if ('reason' in place) return place.reason;
      const contained = await place.containment.contain(this.#pid, limitBytes);
      this.#contained = contained;
      this.#kills.add(contained.path);
      // It has ended meanwhile.
      if (this.#closed) await contained.remove();
      return undefined;
    } catch (error) {
      return readMessage(error);
    }
  }

  #listPids(): readonly number[] {
    return this.#tree ? listProcessTree(this.#pid) : [this.#pid];
  }

  findKiller(): KillerScope | undefined {
    const killer = this.#kills.findKiller();
    if (killer === undefined) return undefined;
    const { kind, path, directory } = killer;
    return { kind, path, own: directory !== undefined && directory === this.#contained?.path };
  }

  close(): void {
    this.#closed = true;
    this.#kills.close();
    void this.#contained?.remove();
  }
}
