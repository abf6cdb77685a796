/** Processes that ask a real engine, and small programs in their place that crash, hang or lie. Needs `npm run compile`. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type StartedChild, startChild } from '../../../src/children/start-child.ts';
import { AnswerStore } from '../../../src/footprint/engine/answer-store.ts';
import { NoAnswerError } from '../../../src/footprint/engine/ask-process.ts';
import { EngineAsker, type EngineAskerParts } from '../../../src/footprint/engine/engine-asker.ts';
import type { AskedQuestion, EngineQuestion } from '../../../src/footprint/engine/engine-question.ts';
import { readGguf } from '../../../src/gguf/read-gguf.ts';
import { waitUntil } from '../../support/group-program.ts';
import { makeModels } from '../../support/model-headers.ts';
import { CANT_ASK, findInstalledEngines, makeAsker } from '../../support/real-engines.ts';

const QUESTION: EngineQuestion = {
  modelPath: '/m.gguf',
  values: { n_gpu_layers: 0 },
  loraPaths: [],
  contexts: [{ values: {}, leastTokens: 512, mostTokens: 512, stepTokens: 256 }],
};
const ASKED: AskedQuestion = { question: QUESTION, files: [], bytes: 1000 };
const POINT = {
  tokens: 512,
  cacheBytes: 1,
  stateBytes: 0,
  computeBytes: 1,
  outputBytes: 1,
  runtimeBytes: 1,
  straight: true,
};
const ANSWER = { weights: [{ name: 'CPU', host: true, bytes: 1 }], runtimeBytes: 1, contexts: [[POINT]] };

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexa-asker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An asker whose processes run `body`, which has `answer` and is called with each message. */
function scripted(body: string, parts: Partial<EngineAskerParts> = {}) {
  const folder = makeFolder();
  const path = join(folder, 'child.mjs');
  const library = join(folder, 'library.so');
  writeFileSync(library, '');
  writeFileSync(
    path,
    `const answer = ${JSON.stringify(ANSWER)}; const send = (message) => process.send(message);
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.on('message', (message) => { ${body} });`,
  );
  const started: StartedChild[] = [];
  const asker = new EngineAsker({
    async start() {
      const child = await startChild(path);
      started.push(child);
      return child;
    },
    hold: () => () => {},
    ...parts,
  });
  onTestFinished(() => asker.close());
  return { asker, started, engine: { libraries: [library] } };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('an engine that is asked', () => {
  it('answers, and the same question is asked once', async () => {
    const { asker, started, engine } = scripted('send({ answer });');
    const [one, other] = await Promise.all([asker.ask(engine, ASKED), asker.ask(engine, ASKED)]);
    expect(one).toEqual(ANSWER);
    expect(other).toBe(one);
    expect(started).toHaveLength(1);
  });

  it('is told that it was checked by whoever asked before, and one process serves one question after the other', async () => {
    const { asker, started, engine } = scripted(
      'send({ answer: { ...answer, runtimeBytes: message.checked ? 2 : 3 } });',
    );
    const other = { ...ASKED, question: { ...QUESTION, modelPath: '/n.gguf' } };
    const answers = [await asker.ask(engine, ASKED), await asker.ask(engine, other)];
    expect(answers.map(({ runtimeBytes }) => runtimeBytes)).toEqual([3, 2]);
    expect(started).toHaveLength(1);
    // It ends by itself when nobody asks any more.
    await waitUntil(() => !isAlive(started[0]!.pid), 10_000);
  });

  it('is asked about several files side by side, as many as there are processors', async () => {
    const { asker, started, engine } = scripted('setTimeout(() => send({ answer }), 100);');
    const questions = Array.from({ length: 5 }, (_, index) => ({
      ...ASKED,
      question: { ...QUESTION, modelPath: `/${index}.gguf` },
    }));
    await Promise.all(questions.map((each) => asker.ask(engine, each)));
    expect(started.length).toBeGreaterThanOrEqual(1);
    expect(started.length).toBeLessThanOrEqual(5);
  });

  it.each([
    ['crashes', "process.kill(process.pid, 'SIGSEGV');", /was ended by SIGSEGV/, false],
    ['ends', 'process.exit(3);', /ended with exit code 3/, false],
    ['hangs', 'for (;;);', /did not answer within 0.5 s/, false],
    ['says nothing', '', /did not answer within 0.5 s/, false],
    ['sends nonsense', "send({ tell: 'me' });", /sent what is no answer/, false],
    [
      'sends an answer to something else',
      'send({ answer: { ...answer, contexts: [] } });',
      /sent what is no answer/,
      false,
    ],
    ['refuses', "send({ problem: 'it refuses the model', believed: true });", /^it refuses the model$/, false],
    ['is not understood', "send({ problem: 'it lies', believed: false });", /^it lies$/, true],
  ])('and %s is not asked the same again', async (_, body, message, engineFailed) => {
    const { asker, started, engine } = scripted(body, { limitMs: 500 });
    const error = await asker.ask(engine, ASKED).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(NoAnswerError);
    expect((error as NoAnswerError).message).toMatch(message);
    await expect(asker.ask(engine, ASKED)).rejects.toBe(error);
    expect(started).toHaveLength(1);
    // An engine that can't be asked is not asked anything else either.
    const other = asker.ask(engine, { ...ASKED, question: { ...QUESTION, modelPath: '/n.gguf' } });
    if (engineFailed) await expect(other).rejects.toBe(error);
    else await expect(other).rejects.toThrow(message);
    await waitUntil(() => started.every(({ pid }) => !isAlive(pid)), 10_000);
  });

  it('is asked no longer when nobody wants to know any more', async () => {
    const { asker, started, engine } = scripted('');
    const asking = asker.ask(engine, ASKED);
    await waitUntil(() => started.length === 1, 10_000);
    asker.close();
    await expect(asking).rejects.toThrow(/was ended by SIGKILL/);
    await waitUntil(() => !isAlive(started[0]!.pid), 10_000);
  });

  it('is not asked any more by a process that comes too late', async () => {
    const { asker, started, engine } = scripted('send({ answer });');
    const asking = asker.ask(engine, ASKED);
    asker.close();
    await expect(asking).rejects.toThrow(/was ended by SIGKILL/);
    expect(started).toHaveLength(1);
  });

  it('is not asked if there is no memory for it, and asked when there is', async () => {
    const held: number[] = [];
    let room = false;
    const hold = (bytes: number) => {
      if (!room) return undefined;
      held.push(bytes);
      return () => void held.push(-bytes);
    };
    const { asker, started, engine } = scripted('send({ answer });', { hold });
    await expect(asker.ask(engine, ASKED)).rejects.toThrow('there is not enough memory for a process that asks it');
    expect(started).toHaveLength(0);
    room = true;
    await expect(asker.ask(engine, ASKED)).resolves.toEqual(ANSWER);
    expect(held).toEqual([1000, -1000]);
  });

  it('is asked one thing after the other if there is memory for one process only', async () => {
    let free = 1;
    const hold = () => {
      if (free === 0) return undefined;
      free -= 1;
      return () => {
        free += 1;
      };
    };
    const { asker, started, engine } = scripted('send({ answer });', { hold });
    const questions = [0, 1, 2, 3].map((inode) => ({
      ...ASKED,
      files: [{ device: 1, inode, sizeBytes: 1, mtimeMs: 1 }],
    }));
    const answers = await Promise.all(questions.map((asked) => asker.ask(engine, asked)));
    expect(answers).toEqual(questions.map(() => ANSWER));
    expect([started.length, free]).toEqual([1, 1]);
  });

  it('is asked anew where a process that waits for a question leaves no memory for another', async () => {
    const { asker, started, engine } = scripted('send({ answer });', {
      hold: () => (started.some(({ pid }) => isAlive(pid)) ? undefined : () => {}),
    });
    for (const inode of [0, 1]) {
      const asked = { ...ASKED, files: [{ device: 1, inode, sizeBytes: 1, mtimeMs: 1 }] };
      expect(await asker.ask(engine, asked)).toEqual(ANSWER);
    }
    expect(started).toHaveLength(2);
  });

  it('is said to be missing if its libraries are, or no process can be started', async () => {
    const { asker, started } = scripted('send({ answer });');
    await expect(asker.ask({ libraries: ['/no/such.so'] }, ASKED)).rejects.toThrow(/ENOENT.*no\/such\.so/);
    expect(started).toHaveLength(0);
    const start = () => Promise.reject(new Error('no processes today'));
    const { asker: refused, engine } = scripted('', { start });
    await expect(refused.ask(engine, ASKED)).rejects.toThrow('no processes today');
  });
});

describe.skipIf(CANT_ASK !== undefined)(`real engines (${CANT_ASK ?? 'asked in processes of their own'})`, () => {
  it.each(['@fugood/llama.node', 'node-llama-cpp'])('%s answers, and says why it does not', async (name) => {
    const models = makeModels();
    const asker = makeAsker();
    onTestFinished(() => {
      asker.close();
      models.remove();
    });
    const engine = (await findInstalledEngines())[name]!;
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const { shardIdentities: files } = await readGguf(modelPath);
    const { contexts } = await asker.ask(engine, { ...ASKED, files, question: { ...QUESTION, modelPath } });
    expect(contexts[0]?.[0]?.cacheBytes).toBe(2 ** 20);
    const missing = asker.ask(engine, { ...ASKED, question: { ...QUESTION, modelPath: '/no/such.gguf' } });
    await expect(missing).rejects.toThrow(/refuses the model/);
  });

  it('answers for the next program too', async () => {
    const models = makeModels();
    const folder = makeFolder();
    const store = () => new AnswerStore(folder);
    const asker = makeAsker({ store: store() });
    onTestFinished(() => {
      asker.close();
      models.remove();
    });
    const engine = (await findInstalledEngines())['@fugood/llama.node']!;
    const modelPath = models.model({ architecture: 'qwen2', heads: 8, kvHeads: 2 });
    const { shardIdentities: files } = await readGguf(modelPath);
    const asked = { ...ASKED, files, question: { ...QUESTION, modelPath } };
    const answer = await asker.ask(engine, asked);
    const answers = join(folder, 'engine-answers');
    await waitUntil(() => existsSync(answers) && readdirSync(answers).some((name) => name.endsWith('.json')), 10_000);
    const next = makeAsker({ store: store(), start: () => Promise.reject(new Error('asked again')) });
    await expect(next.ask(engine, asked)).resolves.toEqual(answer);
    // Another file, though it has the same path, is another question.
    const changed = { ...asked, files: [{ ...files[0]!, mtimeMs: 1 }] };
    await expect(next.ask(engine, changed)).rejects.toThrow('asked again');
  });
});
