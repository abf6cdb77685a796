/** Reads a plan in JavaScript: cached descriptors, one `pread` per file, no strings. It knows no arithmetic of scopes. */
import { openSync, readSync } from 'node:fs';
import { closeFile } from '../../core/close-file.ts';
import { AVAILABLE, computeRoomWithoutReclaim, DIRTY, RECLAIMABLE, STRIDE, takeLower } from '../scope-rows.ts';
import { getErrno } from '../sensor-error.ts';
import { fillMeminfo, fillNumber, fillStatus, fillStatV1, fillStatV2, isUsage } from './fill-rows.ts';
import {
  DONE,
  FAILED,
  MOVED,
  PARSE,
  type PlannedFile,
  type ReadEngine,
  type ReadOutcome,
  type ReadPlan,
  type ReadProblem,
} from './read-plan.ts';

/** memory.stat of 2025 has 2 KiB, meminfo 1.5 KiB. A file that fills this was cut and is a failure. */
const BUFFER_BYTES = 64 * 1024;
const SHORT_READS = 'fewer than 65536 bytes';

export class ProcfsEngine implements ReadEngine {
  readonly rows: Float64Array;
  readonly #plan: ReadPlan;
  readonly #descriptors: number[] = [];
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #problem: ReadProblem | undefined;

  constructor(plan: ReadPlan) {
    this.#plan = plan;
    this.rows = plan.initial.slice();
  }

  read(full: boolean): ReadOutcome {
    const { files, group, swap } = this.#plan;
    this.#problem = undefined;
    if (group !== undefined) {
      const length = this.#pread(files.length, group.path);
      if (length < 0) return this.#classifyFailure();
      if (!this.#equalsBuffer(group.bytes, length)) return MOVED;
    }
    const everything = full || swap;
    let smallest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < files.length; index++) {
      const file = files[index]!;
      const stat = isStat(file);
      if (stat && !everything && !this.#canChangeMinimum(index, smallest)) {
        this.rows[file.row * STRIDE + RECLAIMABLE] = Number.NaN;
        this.rows[file.row * STRIDE + DIRTY] = Number.NaN;
        continue;
      }
      const length = this.#pread(index, file.path);
      if (length < 0) return this.#classifyFailure();
      const badKey = this.#fill(file, length, full);
      if (badKey !== undefined) return this.#keepMalformed(file, badKey, length);
      if (stat) {
        const room = computeRoomWithoutReclaim(this.rows, file.row) + this.rows[file.row * STRIDE + RECLAIMABLE]!;
        smallest = takeLower(smallest, room);
      }
    }
    return DONE;
  }

  problem(): ReadProblem | undefined {
    return this.#problem;
  }

  close(): void {
    for (const descriptor of this.#descriptors.splice(0)) closeFile(descriptor);
  }

  #equalsBuffer(bytes: Uint8Array, length: number): boolean {
    if (length !== bytes.length) return false;
    for (let at = 0; at < length; at++) if (bytes[at] !== this.#buffer[at]) return false;
    return true;
  }

  /** Whether this memory.stat can change the minimum. Our own group's is read with any other: see `raiseToChild`. */
  #canChangeMinimum(index: number, smallest: number): boolean {
    const { files } = this.#plan;
    const bound = takeLower(smallest, this.rows[AVAILABLE]!);
    const own = !isStat(files[index - 1]);
    for (let at = index; at < (own ? files.length : index + 1); at++) {
      const file = files[at]!;
      if (file.column !== 0 || computeRoomWithoutReclaim(this.rows, file.row) < bound) return true;
    }
    return false;
  }

  #fill(file: PlannedFile, length: number, full: boolean): string | undefined {
    const { row, column } = file;
    switch (file.parse) {
      case PARSE.number:
        return fillNumber(this.#buffer, length, this.rows, row, column);
      case PARSE.meminfo:
        return fillMeminfo(this.#buffer, length, this.rows, column, full, this.#plan.swap);
      case PARSE.status:
        return fillStatus(this.#buffer, length, this.rows, row, column);
      case PARSE.statV1:
        return fillStatV1(this.#buffer, length, this.rows, row, column !== 0);
      case PARSE.statV2:
        return fillStatV2(this.#buffer, length, this.rows, row);
      default:
        return file.parse satisfies never;
    }
  }

  /** Returns how many bytes were read, or -1 with the problem kept. */
  #pread(index: number, path: string): number {
    try {
      let descriptor = this.#descriptors[index];
      if (descriptor === undefined) {
        descriptor = openSync(path, 'r');
        this.#descriptors[index] = descriptor;
      }
      const length = readSync(descriptor, this.#buffer, 0, BUFFER_BYTES, 0);
      if (length < BUFFER_BYTES) return length;
      this.#problem = { file: path, expected: SHORT_READS, found: 'at least 65536' };
    } catch (error) {
      this.#problem = { file: path, errno: getErrno(error) };
    }
    return -1;
  }

  /** A group that was removed answers ENODEV through an open descriptor and ENOENT through its path. */
  #classifyFailure(): ReadOutcome {
    const errno = this.#problem?.errno;
    return errno === 'ENODEV' || errno === 'ENOENT' ? MOVED : FAILED;
  }

  #keepMalformed(file: PlannedFile, key: string, length: number): ReadOutcome {
    const text = this.#buffer.toString('latin1', 0, length);
    const start = key === '' ? 0 : text.startsWith(key) ? 0 : text.indexOf(`\n${key}`) + 1;
    const [line = ''] = text.slice(start).split('\n', 1);
    const absent = key !== '' && !line.startsWith(key);
    const number = isUsage(file.column) ? 'a number of bytes' : 'a number or "max"';
    this.#problem = {
      file: file.path,
      expected: key === '' ? number : `a number after "${key.trim()}"`,
      found: absent ? 'no such line' : line,
    };
    return FAILED;
  }
}

function isStat(file: PlannedFile | undefined): boolean {
  return file?.parse === PARSE.statV1 || file?.parse === PARSE.statV2;
}
