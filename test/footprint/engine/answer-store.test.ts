import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { AnswerStore } from '../../../src/footprint/engine/answer-store.ts';
import type { EngineAnswer, EngineQuestion } from '../../../src/footprint/engine/engine-question.ts';

const QUESTION: EngineQuestion = { modelPath: '/m', values: {}, loraPaths: [], contexts: [] };
const ANSWER: EngineAnswer = { weights: [{ name: 'CPU', host: true, bytes: 1 }], runtimeBytes: 1, contexts: [] };

let folder: string;
let answers: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexa-answers-'));
  answers = join(folder, 'engine-answers');
  onTestFinished(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  });
});

test('an answer is kept for other programs, in a file that only its user reads', async () => {
  await new AnswerStore(folder).keep('a', ANSWER);
  expect(await new AnswerStore(folder).find('a', QUESTION)).toEqual(ANSWER);
  expect(await new AnswerStore(folder).find('b', QUESTION)).toBeUndefined();
  expect(readdirSync(answers)).toEqual(['a.json']);
  expect(statSync(join(answers, 'a.json')).mode & 0o777).toBe(0o600);
  expect(statSync(answers).mode & 0o777).toBe(0o700);
});

test('an engine that was understood once is so for every program, and is no answer', async () => {
  expect(await new AnswerStore(folder).isChecked('e')).toBe(false);
  await new AnswerStore(folder).noteChecked('e');
  expect(await new AnswerStore(folder).isChecked('e')).toBe(true);
  expect(await new AnswerStore(folder).find('e', QUESTION)).toBeUndefined();
  await new AnswerStore(folder).keep('a', ANSWER);
  expect(await new AnswerStore(folder).isChecked('a')).toBe(false);
  writeFileSync(join(folder, 'file'), '');
  await new AnswerStore(join(folder, 'file')).noteChecked('e');
});

test('what is no answer to the question is not taken for one', async () => {
  const store = new AnswerStore(folder);
  await store.keep('a', ANSWER);
  const contexts = [{ values: {}, leastTokens: 1, mostTokens: 1, stepTokens: 1 }];
  expect(await new AnswerStore(folder).find('a', { ...QUESTION, contexts })).toBeUndefined();
});

test.each([
  ['cut off', '{"format":1,"answ'],
  ['of another format', JSON.stringify({ format: 99, answer: ANSWER })],
  ['no answer', JSON.stringify({ format: 2, answer: { weights: 'all' } })],
  ['too long', JSON.stringify({ format: 2, answer: ANSWER, more: 'x'.repeat(70_000) })],
])('a file that is %s is ignored, and replaced', async (_, text) => {
  mkdirSync(answers);
  writeFileSync(join(answers, 'a.json'), text);
  const store = new AnswerStore(folder);
  expect(await store.find('a', QUESTION)).toBeUndefined();
  await store.keep('a', ANSWER);
  expect(await new AnswerStore(folder).find('a', QUESTION)).toEqual(ANSWER);
});

test('a link is not followed, and what it leads to stays as it is', async () => {
  mkdirSync(answers);
  const target = join(folder, 'target');
  writeFileSync(target, JSON.stringify({ format: 2, answer: ANSWER }));
  symlinkSync(target, join(answers, 'a.json'));
  const store = new AnswerStore(folder);
  expect(await store.find('a', QUESTION)).toBeUndefined();
  await store.keep('a', { ...ANSWER, runtimeBytes: 2 });
  expect(readFileSync(target, 'utf8')).toContain('"runtimeBytes":1');
  expect(await new AnswerStore(folder).find('a', QUESTION)).toMatchObject({ runtimeBytes: 2 });
});

test('where nothing can be written, this program knows it all the same', async () => {
  writeFileSync(join(folder, 'file'), '');
  const store = new AnswerStore(join(folder, 'file'));
  await store.keep('a', ANSWER);
  expect(await store.find('a', QUESTION)).toBe(ANSWER);
  // A folder stands where the file belongs: the new file is taken away again.
  mkdirSync(join(answers, 'a.json', 'full'), { recursive: true });
  await new AnswerStore(folder).keep('a', ANSWER);
  expect(readdirSync(answers)).toEqual(['a.json']);
});

test('the oldest of very many are forgotten', async () => {
  mkdirSync(answers);
  for (let index = 0; index < 600; index++) {
    const path = join(answers, `old-${index}.json`);
    writeFileSync(path, '');
    utimesSync(path, index, index);
  }
  await new AnswerStore(folder).keep('new', ANSWER);
  const left = readdirSync(answers);
  expect(left).toHaveLength(513);
  expect(left).toContain('new.json');
  expect(left).not.toContain('old-0.json');
  expect(left).toContain('old-599.json');
  const store = new AnswerStore(folder);
  for (let index = 0; index < 520; index++) await store.keep(`${index}`, ANSWER);
  rmSync(answers, { recursive: true });
  expect(await store.find('0', QUESTION)).toBeUndefined();
  expect(await store.find('519', QUESTION)).toBe(ANSWER);
});
