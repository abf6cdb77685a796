/** Another program beside the demo, which takes memory in steps until the guard tells of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MiB } from 'nexa-memory-guard';

export class OtherProgram {
  takenBytes = 0;
  #child = spawn(process.execPath, [fileURLToPath(new URL('eater.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  #answers = readline.createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();

  /**
   * Takes memory until the guard tells this level. On a machine that is busy with other work that may be a moment late: nothing more is taken
   * meanwhile.
   * @param {import('nexa-memory-guard').MemoryGuard} guard @param {'warning' | 'critical'} level @param {number} minFreeBytes
   */
  async takeUntil(guard, level, minFreeBytes) {
    const told = new Promise((resolve) => guard.once(level, resolve));
    const reached = () => [level, 'critical'].includes(guard.status().status);
    if (reached()) return;
    while (!reached()) {
      await this.take(Math.max(1, Math.round(minFreeBytes / MiB / 32)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 5000))]);
  }

  /** @param {number} mib */
  async take(mib) {
    this.#child.stdin.write(`${mib}\n`);
    this.takenBytes = Number((await this.#answers.next()).value) * MiB;
  }

  async end() {
    if (this.#child.exitCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exit;
    this.takenBytes = 0;
  }
}
