/** Meters a load with the addon, and tells memory of JavaScript's own from memory of native code. It knows no promise. */
import type { NativeLoadMeter } from '../addon/addon.ts';
import { loadAddon } from '../addon/load-addon.ts';
import { loadNodeModule } from '../core/node-module.ts';
import type { ModelMemory } from '../core/types.ts';
import type { LoadMeter } from './machine.ts';

/** What JavaScript of this thread holds outside of its heap, in bytes. */
interface OutsideHeap {
  /** Array buffers, which `malloc` gives. */
  readonly bufferBytes: number;
  /** Memories of WebAssembly, and what else is counted. */
  readonly otherBytes: number;
}

/** The figures of the last look: native memory and that of WebAssembly. It is filled and read in one turn. */
const figures = new Float64Array(2);

/** Begins to meter. `undefined` if there is no addon, or the process's memory can't be read. */
export function openLoadMeter(memory: ModelMemory, Meter = loadAddon()?.LoadMeter): LoadMeter | undefined {
  if (!Meter) return undefined;
  try {
    const heapBytes = loadNodeModule('node:v8').getHeapStatistics().total_physical_size;
    return memory === 'javascript'
      ? new JavaScriptMemoryMeter(new Meter(heapBytes, true))
      : new NativeMemoryMeter(new Meter(heapBytes, false));
  } catch {
    return undefined; // then nothing pays
  }
}

abstract class AddonMeter implements LoadMeter {
  readonly #native: NativeLoadMeter;

  constructor(native: NativeLoadMeter) {
    this.#native = native;
  }

  protected abstract count(nativeBytes: number, wasmBytes: number): number;

  readTakenBytes(): number | undefined {
    this.#native.read(figures);
    const [nativeBytes, wasmBytes] = figures as unknown as [number, number];
    try {
      return Number.isNaN(nativeBytes + wasmBytes) ? undefined : Math.max(0, this.count(nativeBytes, wasmBytes));
    } catch {
      return undefined; // Node opens a file to tell what buffers hold, and there may be no more descriptors.
    }
  }

  blocked(now: boolean): void {
    this.#native.blocked(now);
  }

  moved(): boolean {
    return this.#native.moved();
  }

  look(): Promise<void> {
    return this.#native.look();
  }

  took(bytes: number): void {
    this.#native.took(bytes);
  }

  publishTo(descriptor: number, offset: number, number: number): boolean {
    return this.#native.publishTo(descriptor, offset, number);
  }

  close(): void {
    this.#native.close();
  }
}

/** Array buffers lie among native memory: what they grew by is taken off. */
class NativeMemoryMeter extends AddonMeter {
  #leastBufferBytes = readOutsideHeap().bufferBytes;

  protected count(nativeBytes: number): number {
    const { bufferBytes } = readOutsideHeap();
    // Buffers that are collected meanwhile must not hide new ones.
    this.#leastBufferBytes = Math.min(this.#leastBufferBytes, bufferBytes);
    return nativeBytes - (bufferBytes - this.#leastBufferBytes);
  }
}

/** Of the memory that was touched, so much as array buffers and memories of WebAssembly have grown by. */
class JavaScriptMemoryMeter extends AddonMeter {
  readonly #before = readOutsideHeap();

  protected count(nativeBytes: number, wasmBytes: number): number {
    const { bufferBytes, otherBytes } = readOutsideHeap();
    const grew = (now: number, before: number) => Math.max(0, now - before);
    return (
      Math.min(nativeBytes, grew(bufferBytes, this.#before.bufferBytes)) +
      Math.min(wasmBytes, grew(otherBytes, this.#before.otherBytes))
    );
  }
}

function readOutsideHeap(): OutsideHeap {
  const { arrayBuffers, external } = process.memoryUsage();
  return { bufferBytes: arrayBuffers, otherBytes: external - arrayBuffers };
}
