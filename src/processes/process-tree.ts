/** Finds the processes that descend from one. It knows nothing of their memory. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * pids of `pid` and, on Linux, of all its descendants, by /proc/<pid>/task/<thread>/children if the kernel has it, and else by the PPid of every
 * process in /proc. A descendant whose parent has ended belongs to another process by then, and is not found. On macOS and Windows, which have
 * no such files, it is `[pid]` alone. Never throws: what ends meanwhile is left out.
 */
export function listProcessTree(
  pid: number,
  platform: NodeJS.Platform = process.platform,
  root = '/proc',
): readonly number[] {
  if (platform !== 'linux') return [pid];
  // A kernel without CONFIG_PROC_CHILDREN has no such file.
  const listChildren = existsSync(`${root}/thread-self/children`)
    ? (parent: number) => readChildren(parent, root)
    : findChildren(root);
  // A set takes in what is added while it is walked, and no pid twice.
  const tree = new Set([pid]);
  for (const parent of tree) for (const child of listChildren(parent)) tree.add(child);
  return [...tree];
}

/** `4711 4712 `, of each thread, since each has the children that it made. */
function readChildren(parent: number, root: string): readonly number[] {
  const tasks = `${root}/${parent}/task`;
  return listNames(tasks).flatMap((thread) => (read(`${tasks}/${thread}/children`).match(/\d+/g) ?? []).map(Number));
}

/** Reads the parent of every process at once. */
function findChildren(root: string): (parent: number) => readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of listNames(root)) {
    if (!/^\d+$/.test(name)) continue;
    // `PPid:	4711`
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(read(`${root}/${name}/status`))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return (parent) => children.get(parent) ?? [];
}

/** None: the process has ended. */
function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty: the process or the thread has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
