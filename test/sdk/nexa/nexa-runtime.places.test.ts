/** Several libraries in one process, each in a folder of its own with its plugins, on the test double. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LayoutName } from '../../../src/addon/nexa-binding.ts';
import { doubleLibrary } from '../../support/nexa/libraries.ts';
import { createSdkPrograms, type SdkPrograms } from '../../support/sdk-programs.ts';
import { makeTinyModels, type TinyModels } from '../../support/tiny-models.ts';

let files: TinyModels;
let programs: SdkPrograms;
beforeAll(() => {
  files = makeTinyModels({ projector: 'F16' });
  programs = createSdkPrograms(files.folder);
});
afterAll(() => {
  programs.close();
  files.remove();
});

const PLUGIN = { 'nexa-1.0': 'cpu_gpu', 'geniex-0.3': 'llama_cpp', 'geniex-0.5': 'llama_cpp' } as const;

/** A copy of the double in a folder of its own. */
function place(layout: LayoutName, name: string) {
  const folder = files.path(name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(doubleLibrary(layout), `${folder}/${layout === 'nexa-1.0' ? 'libnexa_bridge.so' : 'libgeniex.so'}`);
  return { folder, plugin: PLUGIN[layout] };
}

const HEAD = `
const open = ({ folder: libraryPath }) => NexaSDK.initialize({ isolation: 'none', libraryPath });
const use = async (sdk, { plugin }) => {
  await sdk.devices(plugin);
  await (await sdk.loadModel(folder + '/qwen2audio-Q4_0.gguf')).dispose();
};
`;

describe.each([
  ['geniex-0.5', 'nexa-1.0'],
  ['nexa-1.0', 'geniex-0.5'],
  ['geniex-0.5', 'geniex-0.5'],
  ['geniex-0.3', 'geniex-0.5'],
] as const)('after %s, %s', (first, second) => {
  const run = (work: string) => {
    const [one, two] = [place(first, `one-${first}`), place(second, `two-${second}`)];
    return programs.run(`${HEAD}const one = ${JSON.stringify(one)}; const two = ${JSON.stringify(two)};${work}`);
  };

  test('finds its plugins once the other is closed', async () => {
    const ended = await run(`
      const a = await open(one);
      await use(a, one);
      await a.dispose();
      const b = await open(two);
      await use(b, two);
      console.log(await b.plugins());`);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(PLUGIN[second]) });
  });

  test('finds its plugins beside the other, which still finds its own', async () => {
    const ended = await run(`
      const a = await open(one);
      const b = await open(two);
      await use(b, two);
      await use(a, one);
      await use(b, two);
      console.log('used');`);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: 'used\n' });
  });
});

test('a library in a process of its own does not look where one in this process has set its plugins', async () => {
  const [one, two] = [place('geniex-0.5', 'one-here'), place('nexa-1.0', 'two-there')];
  const ended = await programs.run(`${HEAD}const one = ${JSON.stringify(one)}; const two = ${JSON.stringify(two)};
    const here = await open(one);
    await use(here, one);
    const there = await NexaSDK.initialize({ isolation: 'process', libraryPath: two.folder });
    await use(there, two);
    console.log(await there.plugins());
    await there.dispose();`);
  expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('cpu_gpu') });
});

test.each(['NEXA_PLUGIN_PATH', 'GENIEX_PLUGIN_PATH'])('what the program set in %s stays', async (name) => {
  const [one, two] = [place('nexa-1.0', 'one'), place('geniex-0.5', 'two')];
  const ended = await programs.run(
    `${HEAD}
    for (const each of ${JSON.stringify([one, two, one])}) {
      const sdk = await open(each);
      await sdk.plugins();
      await sdk.dispose();
      console.log(process.env[${JSON.stringify(name)}]);
    }`,
    { env: { [name]: '/my/plugins' } },
  );
  expect(ended).toMatchObject({ code: 0, stderr: '', stdout: '/my/plugins\n'.repeat(3) });
});

describe('threads of GNU OpenMP, which the library brings', () => {
  const open = `
    await (await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary('geniex-0.5'))} })).dispose();
    console.log(process.env.GOMP_SPINCOUNT ?? '-', process.env.OMP_WAIT_POLICY ?? '-');`;

  test.each([
    [{}, '1000 PASSIVE'],
    [{ GOMP_SPINCOUNT: '7' }, '7 -'],
    [{ OMP_WAIT_POLICY: 'ACTIVE' }, '- ACTIVE'],
  ])('sleep soon, unless the program says how they wait: %j', async (env, printed) => {
    const unset = ['GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'].filter((name) => !(name in env));
    const ended = await programs.run(`for (const name of ${JSON.stringify(unset)}) delete process.env[name];${open}`, {
      env,
    });
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: `${printed}\n` });
  });

  test('are told so from a worker too, whose own variables are a copy', async () => {
    const ended = await programs.run(`
      import { isMainThread, Worker } from 'node:worker_threads';
      if (isMainThread) {
        delete process.env.GOMP_SPINCOUNT;
        delete process.env.OMP_WAIT_POLICY;
        await new Promise((resolve) => new Worker(new URL(import.meta.url)).on('exit', resolve));
        console.log(process.env.GOMP_SPINCOUNT, process.env.OMP_WAIT_POLICY);
      } else {
        await (await NexaSDK.initialize({ isolation: 'none', libraryPath: ${JSON.stringify(doubleLibrary('geniex-0.5'))} })).dispose();
      }`);
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: '1000 PASSIVE\n' });
  });
});
