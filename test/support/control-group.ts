/** Real control groups of a v1 memory hierarchy for tests: made, run in, and always removed. It knows no reader. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Why no groups can be made here; `undefined` where they can. */
export function whyNoControlGroups(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (hierarchy() === undefined) return 'no writable v1 memory controller is mounted';
  return undefined;
}

function hierarchy(): string | undefined {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [type, , options = ''] = right.split(' ');
    const [, , , root, point, mode = ''] = left.split(' ');
    if (type !== 'cgroup' || !options.split(',').includes('memory')) continue;
    if (root === '/' && point !== undefined && mode.startsWith('rw') && existsSync(join(point, 'release_agent')))
      return point;
  }
  return undefined;
}

let made = 0;

export class ControlGroup {
  readonly directory: string;
  /** As in /proc/self/cgroup. */
  readonly path: string;

  /** A group below the hierarchy's root. It and all below it are removed when the test has finished, however it ends. */
  static create(limitBytes?: number): ControlGroup {
    const root = hierarchy() as string;
    const group = new ControlGroup(root, `/nexa-memory-guard-${process.pid}-${made++}`, limitBytes);
    onTestFinished(() => group.remove());
    return group;
  }

  private constructor(root: string, path: string, limitBytes: number | undefined) {
    this.path = path;
    this.directory = `${root}${path}`;
    mkdirSync(this.directory);
    if (limitBytes !== undefined) this.limit(limitBytes);
  }

  child(name: string, limitBytes?: number): ControlGroup {
    return new ControlGroup(this.directory.slice(0, -this.path.length), `${this.path}/${name}`, limitBytes);
  }

  limit(bytes: number): void {
    writeFileSync(join(this.directory, 'memory.limit_in_bytes'), String(bytes));
  }

  move(pid: number): void {
    writeFileSync(join(this.directory, 'cgroup.procs'), String(pid));
  }

  /** Starts a program inside: the shell enters first, so that every page of the program is charged here. */
  spawn(program: string, args: readonly string[], oomScore: number): ChildProcess {
    const script = 'echo $$ > "$1" && echo "$2" > /proc/self/oom_score_adj && shift 2 && exec "$@"';
    const inside = [join(this.directory, 'cgroup.procs'), String(oomScore), program, ...args];
    return spawn('sh', ['-c', script, 'sh', ...inside], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  /** Only what was started in these groups is killed; a group can be removed when it is empty. */
  async remove(): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (removeTree(this.directory)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`could not remove ${this.directory}`);
  }
}

function removeTree(directory: string): boolean {
  if (!existsSync(directory)) return true;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeTree(join(directory, entry.name))) return false;
  }
  for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It is gone already.
    }
  }
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
