/**
 * Knows the header facts of a GGUF model with all its shards, and remembers them while the files stay as they are. It must
 * not know memory policy.
 */
import { resolve } from 'node:path';
import { describe } from '../core/errors.ts';
import { describedPath } from '../core/validate.ts';
import { createReadState, type GgufHeader, type ReadState, readHeader } from './gguf-header.ts';
import type { GgufMetadata, GgufTypes } from './gguf-metadata.ts';
import type { GgufTensors } from './gguf-tensors.ts';
import { type FileIdentity, type FileStamp, modelFileError, openModelFile, stampFile } from './model-file.ts';
import { checkShard, checkTensorCount, listShardPaths } from './split-files.ts';

export type { GgmlType } from './ggml-types.ts';
export type {
  GgufArraySummary,
  GgufMetadata,
  GgufTypeName,
  GgufTypes,
  GgufValue,
  GgufValueType,
} from './gguf-metadata.ts';
export type { GgufTensors, TensorKind } from './gguf-tensors.ts';
export type { FileIdentity } from './model-file.ts';

/** What the headers of a model say. Callers share this object: it must not be changed. */
export interface GgufFile {
  /** The absolute path of the file that was asked for. */
  readonly path: string;
  /** Length of all shards together. */
  readonly fileBytes: number;
  /** The version of the format: 2 or 3. */
  readonly version: number;
  /** Every tensor begins at a multiple of so many bytes. */
  readonly alignment: number;
  /** `general.architecture`, for example `qwen2` or `clip`. */
  readonly architecture: string;
  /** `general.type`: `model`, `mmproj`, `adapter` … */
  readonly type?: string;
  /** `general.name`. */
  readonly name?: string;
  /** `general.file_type`, llama.cpp's `enum llama_ftype`: 2 is Q4_0, 15 is Q4_K_M, 17 is Q5_K_M. */
  readonly fileType?: number;
  /** The metadata of the first shard. */
  readonly metadata: GgufMetadata;
  /** The types of the metadata's values, for example `u32` or `string[]`. */
  readonly types: GgufTypes;
  /** The tensors of all shards, in their order. */
  readonly tensors: GgufTensors;
  /** Bytes of all tensors together, without padding. */
  readonly tensorBytes: number;
  /** Where the data of the first shard begins. */
  readonly dataOffset: number;
  /** The file that was asked for, as it was when it was read. */
  readonly identity: FileIdentity;
  /** The absolute paths of all shards in order; a model that is not split has one. */
  readonly shards: readonly string[];
  /** One for each of `shards`. */
  readonly shardIdentities: readonly FileIdentity[];
}

/** What a size depends on: a file's header, or the published shape of a model that stands in its place. */
export type ModelHeader = Pick<GgufFile, 'path' | 'architecture' | 'metadata' | 'tensors'>;

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

/** Room for a model, its projector and their ladders. `KEPT_BYTES` bounds what each costs. */
const MAX_REMEMBERED = 8;
/**
 * A second change within one tick of the file system's clock (up to 10 ms) leaves no trace, so younger files are not
 * remembered.
 */
const SETTLED_MS = 20;

const checkPath = describedPath('the path of a GGUF file');

const remembered = new Map<string, Remembered>();

/**
 * Reads the headers of a GGUF model, all shards of a split one; little-endian files of version 2 or 3. An unchanged file is
 * read once and then recognised by device, inode, length, mtime and ctime.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` if `path` is no path, and `ERR_MODEL_FILE`, in bounded time and memory, for
 * anything but a complete GGUF file.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  checkPath(path, 'path');
  const absolute = resolve(path);
  const stamp = await stampFile(absolute);
  const known = remembered.get(absolute);
  if (known && isSameStamp(known.stamp, stamp)) {
    const { file, stamps } = await known.reading;
    if (await areShardsUnchanged(file, stamps)) return file;
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

/**
 * True if all shards are as they were. The one that was asked for has just been looked at, so a single file is not looked
 * at again.
 */
async function areShardsUnchanged(file: GgufFile, stamps: readonly FileStamp[]): Promise<boolean> {
  if (file.shards.length === 1) return true;
  const now = await Promise.all(file.shards.map((shard) => stampFile(shard)));
  return now.every((stamp, index) => isSameStamp(stamp, stamps[index]));
}

function isSameStamp(a: FileStamp, b: FileStamp | undefined): boolean {
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
  const alone = createReadState();
  const asked = await readShard(path, alone);
  const paths = listShardPaths(path, asked.header.metadata);
  if (paths.length === 1) return assemble(path, paths, [asked]);
  const state = createReadState(alone.buffer);
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
  const { metadata, types, version, alignment, dataOffset, tensors } = shards[0]!.header;
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
    types,
    tensors,
    tensorBytes: tensors.kinds.reduce((sum, { bytes, count }) => sum + bytes * count, 0),
    dataOffset,
    identity: pickIdentity(stamps[paths.indexOf(path)]!),
    shards: paths,
    shardIdentities: stamps.map(pickIdentity),
  });
  return { file, stamps };
}

function pickIdentity({ device, inode, sizeBytes, mtimeMs }: FileStamp): FileIdentity {
  return { device, inode, sizeBytes, mtimeMs };
}
