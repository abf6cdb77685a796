import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { NexaSDK } from '../../../src/sdk/nexa-sdk.ts';
import { listMappingsOf, watchMappings, watchMappingsIfReadable } from '../../../src/sensors/linux/mapping-watch.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
let sdk: NexaSDK;
beforeAll(async () => {
  files = makeTinyModels();
  sdk = await NexaSDK.initialize({ modelsDir: files.folder, isolation: 'none' });
});
afterAll(async () => {
  await sdk.dispose();
  files.remove();
});

/** The kernel's name of a file, as the watch gives it, without the device. */
const readInode = (path: string) => String(statSync(path).ino);
const listInodes = (held: readonly { readonly key: string }[] | undefined) => held?.map(({ key }) => key.split(' ')[1]);

describe.runIf(process.platform === 'linux')('the files that a load mapped', () => {
  it('are those that the engine maps, with their size, once each', async () => {
    const mappedSince = watchMappings();
    const model = await sdk.loadModel('qwen2audio', { quantization: 'Q4_0' });
    const found = mappedSince([model.modelPath]);
    const own = found?.filter(({ key }) => key.endsWith(` ${readInode(files.model('Q4_0'))}`));
    expect(own).toHaveLength(1);
    const { size } = statSync(files.model('Q4_0'));
    expect(own?.[0]?.bytes).toBeGreaterThanOrEqual(size * 0.9); // what is before the tensors need not stay mapped
    expect(own?.[0]?.bytes).toBeLessThan(size + 64 * 1024);
    await model.dispose();
  });

  it('do not contain programs, libraries and what was mapped before by others', async () => {
    const first = await sdk.loadModel('qwen2audio', { quantization: 'Q4_K_M' });
    const mappedSince = watchMappings();
    const second = await sdk.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    const found = listInodes(mappedSince([second.modelPath]));
    expect(found).toContain(readInode(second.modelPath));
    expect(found).not.toContain(readInode(first.modelPath));
    expect(found).not.toContain(readInode(process.execPath));
    await first.dispose();
    await second.dispose();
  });

  it('contain those of the model that another one had mapped already, also by another name', async () => {
    const first = await sdk.loadModel(files.model('Q4_0'));
    const folder = mkdtempSync(join(tmpdir(), 'nexa-link-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const link = join(folder, 'link.gguf');
    symlinkSync(files.model('Q4_0'), link);
    for (const name of [files.model('Q4_0'), link]) {
      const mappedSince = watchMappings();
      expect(listInodes(mappedSince([name]))).toEqual([readInode(files.model('Q4_0'))]);
    }
    await first.dispose();
  });

  it('are none if a file is read that another model maps, and one if it is mapped once more', async () => {
    const first = await sdk.loadModel(files.model('Q4_0'));
    const since = watchMappings();
    const read = await sdk.loadModel(files.model('Q4_0'), { mmap: false });
    expect(since([])).toEqual([]);
    const again = watchMappings();
    const mapped = await sdk.loadModel(files.model('Q4_0'));
    expect(listInodes(again([]))).toEqual([readInode(files.model('Q4_0'))]);
    for (const model of [first, read, mapped]) await model.dispose();
  });

  it('are none if nothing was mapped, whether or not the model tells its files', () => {
    const mappedSince = watchMappings();
    expect(mappedSince([])).toEqual([]);
    expect(mappedSince([files.model('F32')])).toEqual([]);
    expect(mappedSince(['/nowhere/gone.gguf'])).toEqual([]);
  });

  it('are found without the model telling them', async () => {
    const mappedSince = watchMappings();
    const model = await sdk.loadModel('qwen2audio', { quantization: 'Q5_K_M' });
    expect(listInodes(mappedSince([]))).toContain(readInode(model.modelPath));
    await model.dispose();
  });

  it('are told again for a file that was unmapped in the meantime', async () => {
    for (let round = 0; round < 2; round++) {
      const mappedSince = watchMappings();
      const model = await sdk.loadModel('qwen2audio', { quantization: 'Q4_K_M' });
      expect(listInodes(mappedSince([]))).toContain(readInode(model.modelPath));
      await model.dispose();
    }
  });
});

// The last one of its file: it takes the descriptor of statm away, as a program may that closes what it does not know.
describe.runIf(process.platform === 'linux')('mappings that can’t be read', () => {
  it('are told, before a load as after it, and fail nothing', () => {
    const failures: unknown[] = [];
    const mappedSince = watchMappingsIfReadable((error) => failures.push(error));
    const statm = readdirSync('/proc/self/fd').find((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/statm');
      } catch {
        return false;
      }
    });
    closeSync(Number(statm));
    expect(mappedSince([])).toBeUndefined();
    expect(watchMappingsIfReadable((error) => failures.push(error))([])).toBeUndefined();
    expect(failures).toMatchObject([{ code: 'ERR_SENSOR' }, { code: 'ERR_SENSOR' }]);
  });
});

describe('another system', () => {
  it('does not tell, which is not the same as none', () => {
    for (const platform of ['darwin', 'win32'] as const) expect(watchMappings(platform)(['/a.gguf'])).toBeUndefined();
  });
});

describe.runIf(process.platform === 'linux')('what another process maps', () => {
  it('is its data files, until it has ended', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    // A locale archive, if there is one: `sleep` has no other data.
    expect(listMappingsOf(child.pid!)).toEqual(expect.any(Array));
    expect(
      listMappingsOf(process.pid)?.every(({ key, bytes }) => /^[0-9a-f]+:[0-9a-f]+ \d+$/.test(key) && bytes > 0),
    ).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(listMappingsOf(child.pid!)).toBeUndefined();
    expect(listMappingsOf(process.pid, 'darwin')).toBeUndefined();
  });
});
