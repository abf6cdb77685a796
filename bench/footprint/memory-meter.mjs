// What this process takes from now on beside JavaScript's own heap, read every few milliseconds. It knows no engine.
import fs from 'node:fs';
import v8 from 'node:v8';
import { readProcessMemory } from '../../tools/process-memory.mjs';

const INTERVAL_MS = 4;

/** Bytes; `mapped` are resident pages of model files. @typedef {{ peakAnonymousBytes: number, mappedBytes: number }} Taken */

export class MemoryMeter {
  #beforeBytes;
  #taken = { peakAnonymousBytes: 0, mappedBytes: 0 };
  #timer;

  constructor() {
    // What it could collect meanwhile would hide what the engine takes.
    /** @type {any} */ (globalThis).gc?.();
    this.#beforeBytes = readNativeBytes();
    this.#timer = setInterval(() => this.#readAnonymous(), INTERVAL_MS);
  }

  /** Reads both at once, since a timer comes late in a process that computes. @returns {Taken} so far */
  read() {
    this.#readAnonymous();
    // The kernel may take pages back for others later.
    this.#taken.mappedBytes = Math.max(this.#taken.mappedBytes, readMappedBytes());
    return { ...this.#taken };
  }

  /** @returns {Taken} */
  stop() {
    this.read();
    clearInterval(this.#timer);
    return this.#taken;
  }

  #readAnonymous() {
    const bytes = readNativeBytes() - this.#beforeBytes;
    this.#taken.peakAnonymousBytes = Math.max(this.#taken.peakAnonymousBytes, bytes);
  }
}

function readNativeBytes() {
  const { anonymousBytes, swappedBytes } = readProcessMemory();
  // Engines count their own memory as external, so buffers are asked for apart.
  return (
    anonymousBytes + swappedBytes - v8.getHeapStatistics().total_physical_size - process.memoryUsage().arrayBuffers
  );
}

function readMappedBytes() {
  let bytes = 0;
  let counts = false;
  for (const line of fs.readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = line.endsWith('.gguf');
    else if (counts && line.startsWith('Rss:')) bytes += Number(/\d+/.exec(line)?.[0]) * 1024;
  }
  return bytes;
}
