/** Modules of Node that most programs never need: they are loaded when they are used. It knows nothing of what they do. */

interface Modules {
  readonly 'node:child_process': typeof import('node:child_process');
  readonly 'node:crypto': typeof import('node:crypto');
  readonly 'node:module': typeof import('node:module');
  readonly 'node:net': typeof import('node:net');
  readonly 'node:v8': typeof import('node:v8');
  readonly 'node:vm': typeof import('node:vm');
  readonly 'node:worker_threads': typeof import('node:worker_threads');
}

const loaded = new Map<keyof Modules, unknown>();

/** A module of Node itself. */
export function loadNodeModule<N extends keyof Modules>(name: N): Modules[N] {
  if (!loaded.has(name)) loaded.set(name, process.getBuiltinModule(name));
  return loaded.get(name) as Modules[N];
}
