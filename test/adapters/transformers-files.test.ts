import { once } from 'node:events';
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureFile, type Transformers } from '../../src/adapters/transformers-files.ts';
import { createMemoryGuard } from '../../src/create-memory-guard.ts';
import { fakeTransformers } from '../support/fake-transformers.ts';
import { type Transformers as Module, OnnxFamilies } from '../support/onnx-families.ts';
import { importEngine, NO_OTHER_ENGINES } from '../support/other-engines.ts';

const FILE = 'onnx/model.onnx';
const PLACE = { id: 'org/m', revision: 'main', cache_dir: null, local_files_only: false };

describe('the size of a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nexa-sizes-'));
    for (const [place, bytes] of [
      ['models/org/m', 1],
      ['cache/org/m', 2],
      ['cache/org/m/v2', 3],
      ['other/org/m', 4],
      ['folder', 5],
    ] as const) {
      mkdirSync(join(folder, place, 'onnx'), { recursive: true });
      writeFileSync(join(folder, place, FILE), new Uint8Array(bytes));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const measure = (env: object = {}, place: object = {}, files: Record<string, number | undefined> = {}) => {
    const sdk = fakeTransformers(files);
    const all = {
      ...sdk.env,
      allowLocalModels: true,
      useFSCache: true,
      localModelPath: join(folder, 'models'),
      cacheDir: join(folder, 'cache'),
      ...env,
    };
    const module = { ...sdk, env: all } satisfies Transformers;
    return measureFile(module, { ...PLACE, ...place }, FILE).then((bytes) => ({ bytes, asked: sdk.asked }));
  };

  it('is read where the module looks first: in its cache, then in its folder of models', async () => {
    expect(await measure()).toEqual({ bytes: 2, asked: [] });
    expect(await measure({}, { revision: 'v2' })).toEqual({ bytes: 3, asked: [] });
    expect(await measure({}, { cache_dir: join(folder, 'other') })).toEqual({ bytes: 4, asked: [] });
    expect(await measure({ useFSCache: false })).toEqual({ bytes: 1, asked: [] });
    expect(await measure({ useCustomCache: true })).toEqual({ bytes: 1, asked: [] });
    expect(await measure({ cacheDir: null })).toEqual({ bytes: 1, asked: [] });
    expect(await measure({}, { id: join(folder, 'folder') })).toEqual({ bytes: 5, asked: [] });
  });

  it('is asked of the hub if the file is not here, and only if the program allows that', async () => {
    const nowhere = { useFSCache: false, allowLocalModels: false };
    expect(await measure(nowhere, {}, { [FILE]: 9 })).toEqual({ bytes: 9, asked: [FILE] });
    expect(await measure(nowhere, {}, { [FILE]: undefined })).toEqual({ bytes: undefined, asked: [FILE] });
    expect(await measure(nowhere)).toEqual({ bytes: 'missing', asked: [FILE] });
    const denied = { bytes: 'missing', asked: [] };
    expect(await measure({ ...nowhere, allowRemoteModels: false }, {}, { [FILE]: 9 })).toEqual(denied);
    expect(await measure(nowhere, { local_files_only: true }, { [FILE]: 9 })).toEqual(denied);
    const custom = { ...nowhere, useCustomCache: true, allowRemoteModels: false };
    expect(await measure(custom, {}, { [FILE]: 9 })).toEqual({ bytes: 9, asked: [FILE] });
  });
});

describe.skipIf(NO_OTHER_ENGINES)('a hub', () => {
  const families = new OnnxFamilies();
  let hub: Server;
  let requests: string[] = [];
  let module: Module;
  beforeAll(async () => {
    families.write('org/m');
    // As the hub answers: one byte of a file, and how many there are.
    hub = createServer(({ url, headers }, response) => {
      const path = join(families.folder, decodeURI(url!).replace('/resolve/main', ''));
      requests.push(`${headers.range ?? 'all'} ${url}`);
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) return void response.writeHead(404).end();
      if (headers.range) return void response.writeHead(206, { 'content-range': `bytes 0-0/${size}` }).end('x');
      response.writeHead(200, { 'content-length': size });
      createReadStream(path).pipe(response);
    }).listen(0, '127.0.0.1');
    await once(hub, 'listening');
    module = await importEngine('@huggingface/transformers');
    Object.assign(module.env, {
      remoteHost: `http://127.0.0.1:${(hub.address() as AddressInfo).port}/`,
      cacheDir: join(families.folder, 'cache'),
      allowLocalModels: false,
      allowRemoteModels: true,
    });
  });
  afterAll(() => {
    families.remove();
    hub.close();
  });

  it('is asked for sizes before a byte of a model is loaded, and only the dtype that was chosen is', async () => {
    const guard = createMemoryGuard({ minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process' });
    const guarded: Module = guard.wrap(module);
    const pipe = await guarded.pipeline('feature-extraction', 'org/m', { dtype: 'q8' });
    expect(pipe.quantization).toBe('q8');
    expect((await pipe('the model')).dims).toEqual([1, 2, 64]);
    expect(guard.models()[0]?.need).toMatchObject({ basis: 'sizes' });
    const graphs = requests.filter((line) => line.includes('.onnx')).sort();
    expect(graphs.filter((line) => line.startsWith('all'))).toEqual([
      'all /org/m/resolve/main/onnx/model_quantized.onnx',
    ]);
    expect(graphs).toContain('bytes=0-0 /org/m/resolve/main/onnx/model_q4.onnx');
    expect(graphs.join()).not.toContain('model.onnx');
    await pipe.dispose();
    // What is in the cache by now is asked of nobody.
    requests = [];
    await guard.plan('org/m', { dtype: 'q8' });
    expect(requests.filter((line) => line.includes('model_quantized'))).toEqual([]);
    guard.close();
  });

  it('that fails leaves a load unknown', async () => {
    hub.close();
    hub.closeAllConnections();
    const guard = createMemoryGuard({ ledger: 'process' });
    const guarded: Module = guard.wrap(module);
    const loading = guarded.AutoModel.from_pretrained('org/another');
    await expect(loading).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_MODEL',
      message: expect.stringMatching(/`memoryGuard: \{ footprint \}`.*config\.json can't be had/),
    });
    guard.close();
  });
});
