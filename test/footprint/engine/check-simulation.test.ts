/** Whether a build is understood, by a real one. */
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../../src/addon/load-addon.ts';
import { checkAnswer, checkSimulation } from '../../../src/footprint/engine/check-simulation.ts';
import type { EngineQuestion } from '../../../src/footprint/engine/engine-question.ts';
import { EngineSimulation } from '../../../src/footprint/engine/engine-simulation.ts';
import { CANT_ASK, findInstalledEngines } from '../../support/real-engines.ts';

describe.skipIf(CANT_ASK !== undefined)(`a build (${CANT_ASK ?? 'a real one'})`, async () => {
  const { 'node-llama-cpp': engine } = await findInstalledEngines();
  const Library = loadAddon()!.EngineLibrary!;
  const simulation = new EngineSimulation(new Library(engine!.libraries, engine!.backends ?? ''));

  it('is not believed if it answers otherwise than the tiny model is', () => {
    let answered: ReturnType<EngineSimulation['answer']> | undefined;
    checkSimulation({ answer: (question: EngineQuestion) => (answered = simulation.answer(question)) } as never);
    const { weights, contexts } = answered!;
    const said = (change: object) => () => checkAnswer({ ...answered!, ...change });
    expect(said({})).not.toThrow();
    expect(said({ weights: [] })).toThrow(/it says 0 bytes for weights/);
    expect(said({ weights: [...weights, ...weights] })).toThrow(/bytes for weights/);
    expect(said({ contexts: contexts.slice(1) })).toThrow(/bytes for the cache of "base"/);
    expect(said({ contexts: [] })).toThrow(/it says 0 bytes for the cache of "base"/);
    const compute = (computeBytes: number, index: number) =>
      contexts.map(([point], each) => [{ ...point!, ...(each === index && { computeBytes }) }]);
    expect(said({ contexts: compute(2 ** 40, 6) })).toThrow(/buffers that do not grow with a batch/);
    expect(said({ contexts: compute(2 ** 40, 7) })).toThrow(/logits of one token that take more/);
    expect(said({ contexts: compute(1, 8) })).toThrow(/flash attention that takes as much as none/);
  });
});
