/** Finds what the runtime collects garbage with, and calls it. It doesn't know when a collection is worth its pause. */
import { loadNodeModule } from './node-module.ts';

/** What a runtime may have to collect with. Bun has no V8. */
interface Host {
  readonly gc?: (() => void) | undefined;
  readonly Bun?: { gc(synchronous: boolean): void };
}

let collector: (() => void) | undefined;

/** A full, synchronous collection. */
export function collectGarbage(): void {
  collector ??= findCollector(globalThis as Host);
  collector();
}

/** V8 shows the function only if a flag asks for it, so the flag is set once, here. Does nothing if a runtime has none. */
export function findCollector({ gc, Bun: bun }: Host, run?: (code: string) => unknown): () => void {
  if (gc) return gc;
  if (bun) return () => bun.gc(true);
  loadNodeModule('node:v8').setFlagsFromString('--expose-gc');
  const code = "typeof gc === 'function' ? gc : undefined";
  const found = run ? run(code) : loadNodeModule('node:vm').runInNewContext(code);
  return (found as (() => void) | undefined) ?? nothing;
}

function nothing(): void {}
