import { expect, test } from 'vitest';
import type { StartedChild } from '../../../src/children/start-child.ts';
import { AskProcess } from '../../../src/footprint/engine/ask-process.ts';
import type { EngineQuestion } from '../../../src/footprint/engine/engine-question.ts';

const QUESTION: EngineQuestion = { modelPath: '/m.gguf', values: {}, loraPaths: [], contexts: [] };
const ANSWER = { weights: [{ name: 'CPU', host: true, bytes: 1 }], runtimeBytes: 1, contexts: [] };

/** A process by its channel alone: what it sends, and when it ends, is the test's. */
function channel() {
  const sent: unknown[] = [];
  const held: boolean[] = [];
  let hear!: (message: unknown) => void;
  let exit!: (exitCode: number | null, signal: NodeJS.Signals | null) => void;
  let kills = 0;
  const child: StartedChild = {
    pid: 1,
    send: (message) => void sent.push(message),
    onMessage: (listener) => {
      hear = listener;
    },
    onExit: (listener) => {
      exit = listener;
    },
    onOutput: (listener) => listener(Uint8Array.of(1)),
    hold: (on) => void held.push(on),
    kill() {
      kills += 1;
    },
  };
  return {
    child,
    sent,
    held,
    say: (message: unknown) => hear(message),
    end: () => exit(null, 'SIGKILL'),
    kills: () => kills,
  };
}

test('the program stays alive for a question and for nothing else', async () => {
  const { child, held, say, sent } = channel();
  const process = new AskProcess(child, { libraries: ['/a.so'] }, false);
  const answer = process.ask(QUESTION, 1000);
  expect(held).toEqual([false, true]);
  expect(sent).toEqual([{ engine: { libraries: ['/a.so'] }, checked: false, question: QUESTION }]);
  say({ answer: ANSWER });
  await expect(answer).resolves.toEqual(ANSWER);
  expect(held).toEqual([false, true, false]);
  // The next question need not have it checked.
  void process.ask(QUESTION, 1000);
  expect(sent[1]).toMatchObject({ checked: true });
});

test('what it says unasked ends it, and one that is gone is asked nothing', async () => {
  const { child, say, end, kills } = channel();
  const process = new AskProcess(child, { libraries: [] }, true);
  say({ problem: 'a late one', believed: true });
  expect(process.gone).toBe(false);
  say({ answer: ANSWER });
  expect([process.gone, kills()]).toEqual([true, 1]);
  end();
  await expect(process.ask(QUESTION, 1000)).rejects.toThrow('The process that asks the engine was ended by SIGKILL');
});
