import { describe, expect, it } from 'vitest';
import type { EngineQuestion } from '../../../src/footprint/engine/engine-question.ts';
import type { EngineSimulation } from '../../../src/footprint/engine/engine-simulation.ts';
import type { AnswerMessage } from '../../../src/footprint/engine/question-message.ts';
import { serveQuestions } from '../../../src/footprint/engine/serve-questions.ts';
import { makeModels } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines } from '../../support/real-engines.ts';

const question: EngineQuestion = { modelPath: '/m.gguf', values: { n_gpu_layers: 0 }, loraPaths: [], contexts: [] };
const engine = { libraries: ['/no/such/library.so'] };

function serve(open?: () => EngineSimulation) {
  const sent: AnswerMessage[] = [];
  const take = serveQuestions((message) => sent.push(message), open);
  return { sent, ask: (checked: boolean, asked = question) => take({ engine, checked, question: asked }) };
}

describe('the process that asks', () => {
  it('says of a library that it can not load that nothing is to be believed of it', () => {
    const { sent, ask } = serve();
    ask(false);
    expect(sent).toEqual([{ problem: expect.stringMatching(/no\/such\/library\.so|no way to ask/), believed: false }]);
  });

  it('opens once, checks if nobody did, and tells a refusal from a lie', () => {
    let opened = 0;
    const refuse = {
      answer: () => {
        throw new Error('it refuses the model');
      },
    } as unknown as EngineSimulation;
    const { sent, ask } = serve(() => {
      opened += 1;
      return refuse;
    });
    ask(true);
    ask(true);
    expect(opened).toBe(1);
    expect(sent[1]).toEqual({ problem: 'it refuses the model', believed: true });
    const thrown = serve(() => {
      throw 'a text';
    });
    thrown.ask(true);
    expect(thrown.sent).toEqual([{ problem: 'a text', believed: false }]);
    const unchecked = serve(() => refuse);
    unchecked.ask(false);
    expect(unchecked.sent).toEqual([{ problem: 'it refuses the model', believed: false }]);
  });

  it.skipIf(CANT_ASK !== undefined)('answers by a real engine', async () => {
    const models = makeModels();
    try {
      const sent: AnswerMessage[] = [];
      const take = serveQuestions((message) => sent.push(message));
      const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
      const installed = (await findInstalledEngines())['@fugood/llama.node']!;
      take({ engine: installed, checked: false, question: { ...question, modelPath } });
      expect(sent).toMatchObject([{ answer: { weights: [{ name: 'CPU', host: true }] } }]);
    } finally {
      models.remove();
    }
  });
});
