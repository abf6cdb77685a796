/** One process as the program sees it: its calls, its end, its silence, its lines. The processes are real, what runs in them is written here. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EngineProcess } from '../../../src/sdk/isolation/engine-process.ts';
import { startChildProgram } from '../../support/child-programs.ts';
import { hasEnded, waitUntil } from '../../support/group-program.ts';

const load = { type: 'load', args: [{}] } as const;
const generate = { type: 'model', model: 1, method: 'generate', args: [] } as const;
/** Answers nothing to a text. */
const SILENT = 'globalThis.take = ({ method }) => method === "generate";';
const BLOCKED = 'globalThis.take = ({ method }) => { if (method === "generate") for (;;); };';
/** Far less than it takes until a process hangs in a program. */
const QUICK = { pingMs: 20 };
const killed = (how: string) => ({
  name: 'MemoryGuardError',
  code: 'ERR_MODEL_KILLED',
  message: `The process of the model ${how}; load it again.`,
});

async function warningsOf(run: () => Promise<unknown>): Promise<readonly string[]> {
  const heard: string[] = [];
  const listen = (warning: Error) => heard.push(warning.message);
  process.on('warning', listen);
  onTestFinished(() => void process.off('warning', listen));
  await run();
  await wait(10);
  return heard;
}

describe('a call', () => {
  test('resolves with what the process answers, and each with its own', async () => {
    const child = await startChildProgram();
    expect(await child.call(load)).toEqual({ model: 1, audio: false, vision: false, keepsKvCache: false });
    const [text, formatted] = await Promise.all([child.call(generate), child.call({ ...generate, method: 'format' })]);
    expect(text).toMatchObject({ text: 'a' });
    expect(formatted).toBe('formatted');
    expect(child.end).toBeUndefined();
  });

  test('hears text and progress, and none of another call', async () => {
    const child = await startChildProgram(`globalThis.take = ({ type, call }) => {
      if (type !== 'load') return false;
      send({ type: 'text', call: call + 1, text: 'other' });
      send({ type: 'progress', call: call + 1, percent: 1 });
      send({ type: 'text', call, text: 'own' });
      send({ type: 'progress', call, percent: 50 });
    };`);
    const heard: unknown[] = [];
    const listen = (what: unknown) => void heard.push(what);
    await child.call(load, { text: listen, progress: listen });
    expect(heard).toEqual(['own', 50]);
  });

  test('rejects with what the process fails with, and the process lives on', async () => {
    const child = await startChildProgram(`globalThis.take = ({ type, call }) => {
      if (type === 'load') send({ type: 'failed', call, error: { name: 'MemoryGuardError', message: 'No.', code: 'ERR_MODEL_FILE' } });
      return type === 'load';
    };`);
    await expect(child.call(load)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE', message: 'No.' });
    expect(await child.call(generate)).toMatchObject({ text: 'a' });
  });

  test("that fails in the engine has the engine's own line, which it printed meanwhile", async () => {
    const child = await startChildProgram(`
      console.error('error loading model: of an earlier call');
      globalThis.take = ({ type, call }) => {
        if (type !== 'load') return false;
        console.error('error loading model: bad magic');
        const failure = { what: 'could not load it', reason: 'none', atFile: true };
        send({ type: 'failed', call, error: { name: 'Error', message: 'x', failure } });
        return true;
      };`);
    await expect.poll(async () => (await child.takeErrors()).length).toBe(1);
    await expect(child.call(load)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      message: 'The engine could not load it: bad magic.',
    });
  });

  test('after the end rejects at once, and what is not answered is dropped', async () => {
    const child = await startChildProgram();
    await child.kill();
    await expect(child.call(load)).rejects.toMatchObject(killed('was ended by SIGKILL'));
    child.send({ type: 'ping' });
  });
});

describe('the end of a process', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)(
    'by %s rejects all its calls and names the signal, and another process goes on',
    async (signal) => {
      const [child, other] = await Promise.all([startChildProgram(SILENT), startChildProgram()]);
      const calls = [child.call(generate), child.call(generate)];
      const rejections = calls.map((call) => expect(call).rejects.toMatchObject(killed(`was ended by ${signal}`)));
      process.kill(child.pid, signal);
      await Promise.all(rejections);
      expect(await child.ended).toEqual({ signal, asked: false, hung: false });
      expect(child.end).toBe(await child.ended);
      expect(Object.isFrozen(child.end)).toBe(true);
      expect(await other.call(generate)).toMatchObject({ text: 'a' });
    },
  );

  test('by itself is told with its exit code', async () => {
    const child = await startChildProgram('globalThis.take = ({ type }) => type === "model" && process.exit(7);');
    await child.call({ type: 'open', args: [] });
    await expect(child.call(generate)).rejects.toMatchObject(killed('ended with exit code 7'));
    expect(await child.ended).toEqual({ exitCode: 7, asked: false, hung: false });
  });

  test('that the program asked for is told so, also if it is asked for twice', async () => {
    const child = await startChildProgram(BLOCKED);
    const text = expect(child.call(generate)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    const end = { signal: 'SIGKILL', asked: true, hung: false };
    expect(await Promise.all([child.kill(), child.kill()])).toEqual([end, end]);
    await text;
    expect(await child.kill()).toEqual(end);
    expect(hasEnded(child.pid)).toBe(true);
  });
});

describe('a process that no longer answers', () => {
  const expectHung = async (child: EngineProcess, call: Promise<unknown>) => {
    await expect(call).rejects.toMatchObject(killed('no longer answered and was ended'));
    expect(await child.ended).toEqual({ signal: 'SIGKILL', asked: false, hung: true });
    await waitUntil(() => hasEnded(child.pid), 5000);
  };

  test('since it was stopped is ended', async () => {
    const child = await startChildProgram(SILENT, QUICK);
    const text = child.call(generate);
    process.kill(child.pid, 'SIGSTOP');
    await expectHung(child, text);
  });

  test('since its event loop is blocked is ended', async () => {
    const child = await startChildProgram(BLOCKED, QUICK);
    await expectHung(child, child.call(generate));
  });

  test('for a moment is not ended', async () => {
    const child = await startChildProgram(
      'globalThis.take = ({ method }) => { if (method === "generate") block(300); };',
      { pingMs: 100 },
    );
    expect(await child.call(generate)).toMatchObject({ text: 'a' });
    expect(child.end).toBeUndefined();
  });

  test('while it computes a text and says so is not ended', async () => {
    // Silence of 1.5 s would end it; a busy machine may keep it from answering for a part of that.
    const pingMs = 100;
    const child = await startChildProgram(SILENT, { pingMs });
    child.call(generate).catch(() => {});
    await wait(20 * pingMs);
    expect(child.end).toBeUndefined();
  });

  test('since it loads is not ended', async () => {
    const child = await startChildProgram(
      'globalThis.take = ({ type }) => { if (type === "load") block(1000); };',
      QUICK,
    );
    expect(await child.call(load)).toMatchObject({ model: 1 });
    expect(child.end).toBeUndefined();
  });
});

describe('nonsense from a process', () => {
  test.each([
    'send("text")',
    'send([])',
    'send({ type: "nothing" })',
    'send({ type: "done", call: "1" })',
    'send({ type: "failed", call: 1, error: 5 })',
    'send({ type: "failed", call: 1, error: { name: "E", message: "m", failure: {} } })',
    'send({ type: "text", call: 1, text: { length: 5 } })',
    'send({ type: "progress", call: 1, percent: "all" })',
    'send({ type: "log", level: "loud", text: "x" })',
    'send({ type: "warning", text: 5 })',
    'writeSync(3, Buffer.alloc(64, 0xff))',
    'writeSync(3, Buffer.from([0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]))',
  ])('ends that process and its calls, and no program: %s', async (nonsense) => {
    const [child, other] = await Promise.all([
      startChildProgram(
        `globalThis.take = ({ type }) => { if (type === 'load') ${nonsense}; return type === 'load'; };`,
        QUICK,
      ),
      startChildProgram(),
    ]);
    await expect(child.call(load)).rejects.toMatchObject({ code: 'ERR_MODEL_KILLED' });
    expect(hasEnded(child.pid)).toBe(true);
    expect(await other.call(load)).toMatchObject({ model: 1 });
  });

  test('that answers a call which nobody made changes nothing', async () => {
    const child = await startChildProgram(`globalThis.take = ({ type }) => {
      if (type !== 'load') return false;
      send({ type: 'done', call: 999 });
      send({ type: 'failed', call: 999, error: { name: 'E', message: 'm' } });
      send({ type: 'text', call: 999, text: 'x' });
      send({ type: 'pong' });
    };`);
    expect(await child.call(load)).toMatchObject({ model: 1 });
  });
});

describe('what a process prints', () => {
  test('is heard in lines, from both of its outputs, with those that have a level', async () => {
    const heard: string[] = [];
    const child = await startChildProgram(
      'console.log("one"); console.error("an error"); send({ type: "log", level: "debug", text: "three" });',
      { onLog: (level, text) => heard.push(`${level}: ${text}`) },
    );
    await expect.poll(() => [...heard].sort()).toEqual(['debug: three', 'error: an error', 'info: one']);
    expect(await child.takeErrors()).toEqual(['an error']);
  });

  test('is heard to its end also if it dies of it', async () => {
    const heard: string[] = [];
    const child = await startChildProgram(
      'globalThis.take = () => { writeSync(2, "last words"); process.kill(process.pid, "SIGABRT"); };',
      {
        onLog: (_level, text) => heard.push(text),
      },
    );
    await expect(child.call(load)).rejects.toMatchObject(killed('was ended by SIGABRT'));
    await expect.poll(() => heard).toContain('last words');
  });

  test('is a warning if the listener throws, and ends nothing', async () => {
    const child = await startChildProgram(
      'globalThis.take = ({ type }) => { if (type === "load") console.log("x"); };',
      {
        onLog: () => {
          throw new Error('mine');
        },
      },
    );
    const heard = await warningsOf(async () => {
      await child.call(load);
      await child.takeErrors();
    });
    expect(heard).toEqual(['mine']);
    expect(await child.call(generate)).toMatchObject({ text: 'a' });
    const other = await startChildProgram('console.log("x");', {
      onLog: () => {
        throw 'text';
      },
    });
    expect(await warningsOf(() => other.call(load).then(() => other.takeErrors()))).toEqual(['text']);
  });

  test('as a warning reaches whoever listens to warnings', async () => {
    const heard: string[] = [];
    const child = await startChildProgram('send({ type: "warning", text: "x" });', {
      onWarning: (text) => heard.push(text),
    });
    await child.call(load);
    expect(heard).toEqual(['x']);
    await (await startChildProgram('send({ type: "warning", text: "x" });')).call(load);
  });
});

test('a program that ends takes its processes along, by one listener', async () => {
  const children = await Promise.all([startChildProgram(BLOCKED), startChildProgram()]);
  const listeners = process.listeners('exit').filter((listener) => listener.name === 'killRunning');
  expect(listeners).toHaveLength(1);
  listeners[0]!(0);
  for (const child of children) expect(await child.ended).toMatchObject({ signal: 'SIGKILL', asked: true });
});
