/** Looks at a process of a model on the machine that this process runs on. It decides nothing. */
import type { KillerScope, ProcessProbe } from '../core/model-process.ts';
import type { HeldFile } from '../core/types.ts';
import { type ContainedProcess, openContainment } from '../processes/containment.ts';
import { watchKills } from '../processes/kill-watch.ts';
import { readProcessBytes } from '../processes/process-bytes.ts';
import { listMappingsOf } from '../sensors/linux/mapping-watch.ts';

/** Whether groups can be made for children here. It is found out once: neither control groups nor rights change under a program. */
let place: ReturnType<typeof openContainment> | undefined;

export function openProcessProbe(pid: number): ProcessProbe {
  return new RealProcessProbe(pid);
}

class RealProcessProbe implements ProcessProbe {
  readonly #pid: number;
  readonly #kills = watchKills();
  #contained: ContainedProcess | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  readBytes(): number | undefined {
    return readProcessBytes(this.#pid);
  }

  listMappings(): readonly HeldFile[] | undefined {
    return listMappingsOf(this.#pid);
  }

  contain(limitBytes: number): string | undefined {
    place ??= openContainment();
    if ('reason' in place) return place.reason;
    try {
      this.#contained = place.containment.contain(this.#pid, limitBytes);
      this.#kills.add(this.#contained.path);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  findKiller(): KillerScope | undefined {
    return this.#kills.findKiller();
  }

  close(): void {
    this.#kills.close();
    void this.#contained?.remove();
  }
}
