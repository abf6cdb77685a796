/** Collects V8's garbage once, on purpose. It decides nothing: who calls it knows when that is worth its pause. */
import v8 from 'node:v8';
import vm from 'node:vm';

let collector: (() => void) | undefined;

/** A full, synchronous collection. V8 shows the function only where a flag asks for it, so the flag is set once, here. */
export function collectGarbage(): void {
  if (!collector) {
    v8.setFlagsFromString('--expose-gc');
    collector = globalThis.gc ?? (vm.runInNewContext('gc') as () => void);
  }
  collector();
}
