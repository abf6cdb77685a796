/** The header facts of a GGUF model with all its shards, remembered while the files stay as they are; it knows no memory policy. */
import { resolve } from 'node:path';
import { describe, invalidOption } from '../core/errors.ts';
import { type GgufHeader, newReadState, type ReadState, readHeader } from './gguf-header.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { type FileIdentity, type FileStamp, modelFileError, openModelFile, stampFile } from './model-file.ts';
import { checkShard, checkTensorCount, shardPaths } from './split-files.ts';
import type { GgufTensors } from './tensor-table.ts';

export type { GgmlType } from './ggml-types.ts';
export type { GgufArraySummary, GgufMetadata, GgufValue, GgufValueType } from './gguf-metadata.ts';
export type { FileIdentity } from './model-file.ts';
export type { GgufTensors, TensorKind } from './tensor-table.ts';

/** What the headers of a model say. Shared between callers: not to be changed. */
export interface GgufFile {
  /** The path that was asked for, absolute. */
  readonly path: string;
  /** Length of all shards together. */
  readonly fileBytes: number;
  readonly version: number;
  readonly alignment: number;
  /** `general.architecture`, such as `qwen2` or `clip`. */
  readonly architecture: string;
  /** `general.type`: `model`, `mmproj`, `adapter` … */
  readonly type?: string;
  /** `general.name`. */
  readonly name?: string;
  /** `general.file_type`, llama.cpp's `enum llama_ftype`: 2 is Q4_0, 15 is Q4_K_M, 17 is Q5_K_M. */
  readonly fileType?: number;
  /** Of the first shard. */
  readonly metadata: GgufMetadata;
  /** Of all shards, in their order. */
  readonly tensors: GgufTensors;
  /** Sum over the tensors, without padding. */
  readonly tensorBytes: number;
  /** Where the data of the first shard begins. */
  readonly dataOffset: number;
  /** Of the file that was asked for, at the time of reading. */
  readonly identity: FileIdentity;
  /** Absolute paths in order; one for a model that isn't split. */
  readonly shards: readonly string[];
  /** One for each of `shards`. */
  readonly shardIdentities: readonly FileIdentity[];
}

interface Remembered {
  readonly stamp: FileStamp;
  readonly reading: Promise<Reading>;
}

interface Reading {
  readonly file: GgufFile;
  readonly stamps: readonly FileStamp[];
}

interface Shard {
  readonly header: GgufHeader;
  readonly stamp: FileStamp;
}

/** A model, its projector and their ladders; what one costs is bounded by `KEPT_BYTES`. */
const MAX_REMEMBERED = 8;
/** A second change within one tick of the file system's clock (up to 10 ms) leaves no trace, so younger files aren't remembered. */
const SETTLED_MS = 20;

const remembered = new Map<string, Remembered>();

/**
 * Reads the headers of a GGUF model, all shards of a split one. Little-endian versions 2 and 3. An unchanged file is read
 * once and then recognised by device, inode, length, mtime and ctime.
 * Rejects with `ERR_MODEL_FILE` for anything that isn't a complete GGUF file, in bounded time and memory.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw invalidOption('path', 'the path of a GGUF file', path);
  }
  const absolute = resolve(path);
  const stamp = await stampFile(absolute);
  const known = remembered.get(absolute);
  if (known && sameStamp(known.stamp, stamp)) {
    const { file, stamps } = await known.reading;
    if (await unchangedShards(file, stamps)) return file;
  }
  const reading = readModel(absolute);
  remember(absolute, { stamp, reading });
  const { file, stamps } = await reading.catch((error) => {
    forget(absolute, reading);
    throw error;
  });
  const newest = Math.max(...stamps.map((each) => Math.max(each.mtimeMs, each.ctimeMs)));
  if (Date.now() - newest < SETTLED_MS) forget(absolute, reading);
  return file;
}

/** Shards beside the asked one; that one has just been looked at. */
async function unchangedShards(file: GgufFile, stamps: readonly FileStamp[]): Promise<boolean> {
  if (file.shards.length === 1) return true;
  const now = await Promise.all(file.shards.map((shard) => stampFile(shard)));
  return now.every((stamp, index) => sameStamp(stamp, stamps[index]));
}

function sameStamp(a: FileStamp, b: FileStamp | undefined): boolean {
  return (
    a.device === b?.device &&
    a.inode === b.inode &&
    a.sizeBytes === b.sizeBytes &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs
  );
}

function remember(path: string, entry: Remembered): void {
  remembered.delete(path);
  remembered.set(path, entry);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= MAX_REMEMBERED) break;
    remembered.delete(oldest);
  }
}

function forget(path: string, reading: Promise<Reading>): void {
  if (remembered.get(path)?.reading === reading) remembered.delete(path);
}

async function readModel(path: string): Promise<Reading> {
  const alone = newReadState();
  const asked = await readShard(path, alone);
  const paths = shardPaths(path, asked.header.metadata);
  if (paths.length === 1) return assemble(path, paths, [asked]);
  const state = newReadState(alone.buffer);
  const shards: Shard[] = [];
  for (const [index, shardPath] of paths.entries()) {
    const shard = await readShard(shardPath, state);
    checkShard(paths, index, shard.header.metadata);
    shards.push(shard);
  }
  return assemble(path, paths, shards);
}

async function readShard(path: string, state: ReadState): Promise<Shard> {
  const file = await openModelFile(path);
  try {
    const header = await readHeader(file, state);
    await file.assertUnchanged();
    return { header, stamp: file.stamp };
  } finally {
    await file.close();
  }
}

function assemble(path: string, paths: readonly string[], shards: readonly Shard[]): Reading {
  const [first] = shards as [Shard];
  const { metadata, version, alignment, dataOffset, tensors } = first.header;
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string' || architecture === '') {
    const found = architecture === undefined ? 'no such key' : describe(architecture);
    throw modelFileError(path, 'name its general.architecture', found, 'the file is damaged, so download it again');
  }
  checkTensorCount(path, metadata, tensors.length);
  const stamps = shards.map((shard) => shard.stamp);
  const type = metadata.get('general.type');
  const name = metadata.get('general.name');
  const fileType = metadata.get('general.file_type');
  const file: GgufFile = Object.freeze({
    path,
    fileBytes: stamps.reduce((sum, stamp) => sum + stamp.sizeBytes, 0),
    version,
    alignment,
    architecture,
    ...(typeof type === 'string' ? { type } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof fileType === 'number' ? { fileType } : {}),
    metadata,
    tensors,
    tensorBytes: tensors.kinds.reduce((sum, { bytes, count }) => sum + bytes * count, 0),
    dataOffset,
    identity: identityOf(stamps[paths.indexOf(path)] as FileStamp),
    shards: paths,
    shardIdentities: stamps.map(identityOf),
  });
  return { file, stamps };
}

function identityOf({ device, inode, sizeBytes, mtimeMs }: FileStamp): FileIdentity {
  return { device, inode, sizeBytes, mtimeMs };
}
