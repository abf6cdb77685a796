/** Control groups inside a guest, of either version: made, run in, removed. It knows no reader. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const MiB = 2 ** 20;
const V1 = '/sys/fs/cgroup/memory';
/** Where the groups of this guest hang. */
const ROOT = existsSync(V1) ? V1 : '/sys/fs/cgroup';
/** Runs `program` inside a group: the shell enters first, so that every page of the program is charged there. */
const ENTER = 'echo $$ > "$1" && echo "$2" > /proc/self/oom_score_adj && shift 2 && exec "$@"';

export class ControlGroup {
  /** As in /proc/self/cgroup. */
  path;

  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }

  get directory() {
    return `${ROOT}${this.path}`;
  }

  /** Below v2 groups the controller is handed on first. @param {string} path such as `/a/b`, where `/a` is there */
  static create(path) {
    const group = new ControlGroup(path);
    if (ROOT !== V1) writeFileSync(`${dirname(group.directory)}/cgroup.subtree_control`, '+memory');
    mkdirSync(group.directory);
    return group;
  }

  /** @param {string} file @param {string | number} value */
  set(file, value) {
    writeFileSync(`${this.directory}/${file}`, String(value));
  }

  /** @param {readonly string[]} command @param {number} oomScore */
  spawn(command, oomScore) {
    const entered = ['-c', ENTER, 'sh', `${this.directory}/cgroup.procs`, String(oomScore), ...command];
    return spawn('sh', entered, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  /** Empty groups without children only. A process that was killed may be in its group a little longer. */
  async remove() {
    for (let attempt = 0; ; attempt++) {
      try {
        return rmdirSync(this.directory);
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}
