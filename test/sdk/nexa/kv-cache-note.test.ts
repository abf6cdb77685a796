import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKvCacheNote, removeKvCacheNote, writeKvCacheNote } from '../../../src/sdk/nexa/kv-cache-note.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const held = { text: Buffer.from([0x68, 0x69, 0xff]), tokens: 3 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-note-'));
  writeFileSync(at('model.gguf'), 'weights');
  writeFileSync(at('cache'), 'keys and values');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the note of a KV cache', () => {
  it('keeps the text byte for byte, for its owner alone', async () => {
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    expect(await readKvCacheNote(at('cache'), at('model.gguf'))).toEqual(held);
    expect(statSync(at('cache.json')).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.platform === 'win32')('is neither read from a pipe nor written to a pipe or a link', async () => {
    execFileSync('mkfifo', [at('cache.json')]);
    await expect(readKvCacheNote(at('cache'), at('model.gguf'))).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    expect(await readKvCacheNote(at('cache'), at('model.gguf'))).toEqual(held);
    rmSync(at('cache.json'));
    symlinkSync(at('model.gguf'), at('cache.json'));
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    expect(readFileSync(at('model.gguf'), 'utf8')).toBe('weights');
    rmSync(at('model.gguf'));
    execFileSync('mkfifo', [at('model.gguf')]);
    await expect(readKvCacheNote(at('cache'), at('model.gguf'))).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  it('is good for a copy of the model, and for no other model of the same size', async () => {
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    copyFileSync(at('model.gguf'), at('copy.gguf'));
    expect(await readKvCacheNote(at('cache'), at('copy.gguf'))).toEqual(held);
    writeFileSync(at('other.gguf'), 'Weights');
    await expect(readKvCacheNote(at('cache'), at('other.gguf'))).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: `Expected the note of a KV cache at "${at('cache.json')}", found that of a cache of another model; save the cache again with \`saveKvCache\`.`,
    });
  });

  it('is missed if it is not there, is something else, or can’t be read', async () => {
    const read = () => readKvCacheNote(at('cache'), at('model.gguf'));
    await expect(read()).rejects.toThrow(/found no file there; save/);
    for (const text of ['', '{}', 'null', '{"format":"nexa-memory-guard KV cache","version":2}']) {
      writeFileSync(at('cache.json'), text);
      await expect(read(), text).rejects.toThrow(/found something else; save/);
    }
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    const note = JSON.parse(readFileSync(at('cache.json'), 'utf8'));
    for (const tokens of [-0.5, -1, 2 ** 31, 1e300, '3', null]) {
      writeFileSync(at('cache.json'), JSON.stringify({ ...note, tokens }));
      await expect(read(), `${tokens}`).rejects.toThrow(/found something else; save/);
    }
    await expect(readKvCacheNote(at('model.gguf/x'), at('model.gguf'))).rejects.toThrow(
      /no way to read it \(ENOTDIR\)/,
    );
  });

  it('is of no use for a cache that was written over it', async () => {
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    writeFileSync(at('cache'), 'other and values');
    await expect(readKvCacheNote(at('cache'), at('model.gguf'))).rejects.toThrow(/found that of another cache; save/);
    rmSync(at('cache'));
    await expect(readKvCacheNote(at('cache'), at('model.gguf'))).rejects.toThrow(/cache" could not be read/);
  });

  it('can be removed, once or twice', async () => {
    await writeKvCacheNote(at('cache'), at('model.gguf'), held);
    await removeKvCacheNote(at('cache'));
    await removeKvCacheNote(at('cache'));
    expect(existsSync(at('cache.json'))).toBe(false);
    await expect(removeKvCacheNote(at('model.gguf/x'))).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
  });

  it('says if it can’t be written, or the model can’t be read', async () => {
    await expect(writeKvCacheNote(at('no/cache'), at('model.gguf'), held)).rejects.toThrow(/could not be read/);
    mkdirSync(at('cache.json'));
    await expect(writeKvCacheNote(at('cache'), at('model.gguf'), held)).rejects.toThrow(
      /could not be written \((ERR_FS_)?EISDIR\)/,
    );
    await expect(writeKvCacheNote(at('cache'), at('none.gguf'), held)).rejects.toThrow(/could not be read/);
  });
});
