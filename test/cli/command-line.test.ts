/** The command line in this process: what it understands, how it ends, and each command with the real machine and engine. */
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { findRuntimes } from '../../src/cli/doctor/find-runtimes.ts';
import { fail } from '../../src/cli/exit-codes.ts';
import { processIo, screenOf } from '../../src/cli/io.ts';
import { NO_RUNTIME } from '../../src/cli/plan/plan.ts';
import { NO_SDK } from '../../src/cli/query-guard.ts';
import { showProgress } from '../../src/cli/run/load-progress-line.ts';
import { MemoryGuardError, MiB, NexaSDK, withMemoryGuard } from '../../src/index.ts';
import { type FakeIo, fakeIo } from '../support/fake-io.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

async function run(words: string, io: FakeIo = fakeIo()) {
  const code = await runCommandLine(words === '' ? [] : words.split(' '), io, '1.2.3');
  return { code, out: io.stdout.text, err: io.stderr.text };
}

const json = async (words: string) => {
  const { code, out } = await run(`${words} --json`);
  return { code, value: JSON.parse(out) };
};

describe('the command line', () => {
  it('says what there is, and its exit codes', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    for (const word of ['doctor', 'plan <model>', 'run <model>', 'watch', '130 ']) expect(out).toContain(word);
    expect(await run('')).toMatchObject({ code: 2, err: out, out: '' });
    expect(await run('help')).toMatchObject({ code: 0, out });
    expect(await run('--version')).toMatchObject({ code: 0, out: '1.2.3\n' });
  });

  it.each(['doctor', 'plan', 'run', 'watch'])(
    'has a help for `%s`, with an example that it understands',
    async (name) => {
      const { code, out } = await run(`${name} --help`);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`^nexa-memory-guard ${name}`));
      expect(out).toMatch(/--json {2,}\S/);
      const [, words = ''] = /\$ nexa-memory-guard (.*?)(?: \| .*)?\n/.exec(out) ?? [];
      expect(await run(`${words.split(' ').filter((word) => word !== '--json')[0]} --help`)).toMatchObject({ code: 0 });
    },
  );

  it.each([
    ['bogus', /Expected one of doctor, plan, run, watch, got "bogus"/],
    ['plan', /Expected <model> after `plan`, got nothing/],
    ['plan a b', /Expected <model> after `plan`, got 2 \("a", "b"\)/],
    ['doctor x', /Expected no argument after `doctor`, got 1/],
    ['plan a --nope', /Unknown option '--nope'; see `--help`/],
    ['plan a --context', /--context/],
    ['plan a --context many', /Expected `--context` to be tokens such as/],
    ['plan a --memory lots', /Expected `--memory` to be a size such as 8GiB, got "lots"/],
    ['watch --interval soon', /Expected `--interval` to be a whole number from 1, got "soon"/],
    ['watch --interval 1e12', /less than 25 days/],
    ['watch --count 0', /Expected `--count` to be a whole number from 1, got "0"/],
    ['run a', /Expected `--prompt` with a text, or `--audio` with a file/],
    ['run a --prompt b --temperature warm', /Expected `--temperature` to be a number from 0, got "warm"/],
  ])('refuses `%s` in one sentence', async (words, sentence) => {
    const { code, out, err } = await run(words);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^nexa-memory-guard: ERR_INVALID_OPTION: [^\n]+\n$/);
    expect(err).toMatch(sentence);
  });

  it('ends with a number for each kind of error, on stderr and with `--json` as an object', () => {
    const codes = {
      ERR_INVALID_OPTION: 2,
      ERR_INSUFFICIENT_MEMORY: 3,
      ERR_ADMISSION_TIMEOUT: 3,
      ERR_UNKNOWN_MODEL: 4,
      ERR_MODEL_FILE: 4,
      ERR_RUNTIME_NOT_FOUND: 5,
      ERR_RUNTIME: 5,
      ERR_SENSOR: 6,
      ERR_GUARD_CLOSED: 1,
    } as const;
    for (const [code, exit] of Object.entries(codes)) {
      const io = fakeIo();
      expect(fail(new MemoryGuardError(code as keyof typeof codes, 'Two\nlines.'), io, true)).toBe(exit);
      expect(io.stderr.text).toBe(`nexa-memory-guard: ${code}: Two lines.\n`);
      expect(JSON.parse(io.stdout.text)).toMatchObject({ error: { code, message: 'Two\nlines.' } });
    }
    const io = fakeIo();
    expect(fail(new TypeError('a fault'), io, false)).toBe(1);
    expect(fail('nothing', io, false)).toBe(1);
    expect(io.stderr.text).toBe(
      'nexa-memory-guard: ERR_UNEXPECTED: a fault\nnexa-memory-guard: ERR_UNEXPECTED: nothing\n',
    );
    expect(io.stdout.text).toBe('');
  });

  it('is coloured on a terminal only, and not where `NO_COLOR` or a dumb terminal forbids it', () => {
    const colored = (isTTY: boolean, env: NodeJS.ProcessEnv) =>
      screenOf({ isTTY } as never, env).colors.red('x') !== 'x';
    expect(colored(true, {})).toBe(true);
    expect(colored(true, { FORCE_COLOR: '1', CI: '1' })).toBe(true);
    expect([colored(false, {}), colored(false, { CI: '1', FORCE_COLOR: '1' })]).toEqual([false, false]);
    expect([colored(true, { NO_COLOR: '1' }), colored(true, { TERM: 'dumb' })]).toEqual([false, false]);
    expect(screenOf({ isTTY: true, columns: 72 } as never, {}).width).toBe(72);
    expect(screenOf({ columns: 72 } as never, {}).width).toBe(100);
  });
});

describe('the process as the command line sees it', () => {
  it('is given its words and takes its exit code', async () => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const { argv } = process;
    onTestFinished(() => {
      process.argv = argv;
      process.exitCode = undefined;
      vi.restoreAllMocks();
    });
    process.argv = ['node', 'nexa-memory-guard', '--version'];
    await import('../../src/cli/main.ts');
    expect(written.mock.lastCall?.[0]).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(process.exitCode).toBe(0);
  });

  it('ends without a fault where its reader goes away, and with one where writing fails otherwise', () => {
    const exits: number[] = [];
    const errors: ((error: { code: string }) => void)[] = [];
    const stdout = { on: (_event: string, listener: (error: { code: string }) => void) => errors.push(listener) };
    processIo({ ...process, stdout, env: {} } as never, (code) => void exits.push(code));
    for (const code of ['EPIPE', 'EIO']) errors[0]?.({ code });
    expect(exits).toEqual([0, 1]);
  });

  it('hears Ctrl-C until it is told to stop', () => {
    const before = process.listenerCount('SIGINT');
    const heard: string[] = [];
    const stop = processIo({ ...process, stdout: { on() {} }, env: {} } as never, () => {}).onInterrupt((signal) => {
      heard.push(signal);
    });
    process.emit('SIGINT', 'SIGINT');
    stop();
    expect(heard).toEqual(['SIGINT']);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('doctor', () => {
  it('tells what was read from where, what binds and which runtimes there are', async () => {
    const { code, out, err } = await run('doctor');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const label of ['System', 'Memory', 'Binds', 'Read from', 'Addon', 'Ledger', 'Runtimes', 'To change']) {
      expect(out).toMatch(new RegExp(`^${label} {2,}\\S`, 'm'));
    }
    expect(out).toMatch(/scope +limit +used +reclaimable +available/);
    expect(out).toMatch(/llama \d+\.\d+\.\d+ \(llama\.cpp b\d+\): NexaSDK\.initialize/);
    expect(out).toMatch(/node-llama-cpp \d+\.\d+\.\d+: withMemoryGuard/);
    if (process.platform === 'linux') expect(out).toContain('/proc/meminfo');
    expect(out).not.toContain('\x1b');
  });

  it('tells the same as JSON, and who holds models', async () => {
    const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
    const hold = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    const model = await hold.loadModel('m', { memoryGuard: { footprint: 1 } });
    onTestFinished(() => {
      model.dispose();
      hold.guard.close();
    });
    const { code, value } = await json('doctor');
    expect(code).toBe(0);
    expect(value).toMatchObject({
      node: process.version,
      memory: { totalBytes: expect.any(Number), scopes: expect.any(Array) },
      readFrom: expect.any(Array),
      runtimes: expect.arrayContaining([expect.objectContaining({ name: 'llama', usable: true })]),
      ledger: { kind: 'shared', processes: expect.any(Number) },
      advice: expect.any(Array),
    });
    expect(value.ledger.processes).toBeGreaterThanOrEqual(1);
  });

  it('tells what it does without, as where the processes can’t meet', async () => {
    const open = mkdtempSync(join(tmpdir(), 'nexa-open-'));
    onTestFinished(() => rmSync(open, { recursive: true }));
    chmodSync(open, 0o755);
    const { value } = await json(`doctor --ledger ${open}`);
    expect(value.ledger).toMatchObject({ directory: open, processes: 0 });
    expect(value.advice).toEqual([expect.stringMatching(/^Expected .* found that it is open to others/)]);
    expect((await run(`doctor --ledger ${open}`)).out).toMatch(/^To change +Expected .* open to others/m);
    expect((await run(`watch --count 2 --interval 1 --ledger ${open}`)).out).toMatch(/found that it is open to others/);
  });

  it('finds no package where none is installed', async () => {
    const names = (await findRuntimes('/nowhere')).map(({ name }) => name);
    expect(names).toEqual(['nexa', 'llama']);
  });
});

describe('plan', () => {
  it('shows every quantization with every context, what a load would take, and ends with 0 where it fits', async () => {
    const { code, out } = await run(`plan qwen2audio --models-dir ${files.folder} --memory 8GiB`);
    expect(code).toBe(0);
    expect(out).toMatch(/quantization +2048 tokens +4096 tokens +8192 tokens/);
    for (const step of ['Q5_K_M', 'Q4_K_M', 'Q4_0']) {
      expect(out).toMatch(new RegExp(`^ {2}${step} +[\\d.]+ MiB fits +[\\d.]+ MiB fits +[\\d.]+ MiB fits$`, 'm'));
    }
    expect(out).toMatch(/^A load takes Q4_0 with 4096 tokens of context: .* mapped from the file and .* beside it\.$/m);
    expect(out).not.toMatch(/To load it/);
  });

  it('says what is lacking and what would help where it is refused, and ends with 3', async () => {
    const { code, out } = await run(`plan ${files.model('Q4_0')} --memory 530MiB --context 4096,65536`);
    expect(code).toBe(3);
    expect(out).toMatch(/^ {2}Q4_0 +[\d.]+ MiB lacks [\d.]+ MiB +[\d.]+ MiB lacks [\d.]+ MiB$/m);
    expect(out).toMatch(
      /^A load is refused: even Q4_0 with 4096 tokens of context does not fit; .*min-free: 512\.0 MiB needed/m,
    );
    expect(out).toMatch(/^To load it, use a machine or container of [\d.]+ MiB at the least$/m);
  });

  it('tries a smaller context and a smaller cache before it gives up', async () => {
    const size = await json(`plan ${files.model('F32')} --memory 8GiB --context 8192`);
    const [{ cells }] = size.value.rows;
    const { mappedBytes, anonymousBytes } = cells[0].need;
    const tight = 512 * MiB + mappedBytes + anonymousBytes - 2 * MiB;
    const { code, value } = await json(`plan ${files.model('F32')} --memory ${tight}B --context 8192`);
    expect(code).toBe(3);
    expect(value.help[0]).toMatch(/^ask for \d+ tokens of context$/);
    expect(value.help[1]).toMatch(/^use a cache of type q8_0, with 8192 tokens of context$/);
  });

  it('names who holds what is lacking', async () => {
    const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
    const hold = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    const { headroomBytes } = hold.guard.status();
    const sized = (share: number) => ({
      memoryGuard: { footprint: { mappedBytes: 0, anonymousBytes: Math.floor(headroomBytes * share) } },
    });
    const models = [await hold.loadModel('small', sized(0.01)), await hold.loadModel('qwen2audio', sized(0.9))];
    onTestFinished(() => {
      for (const model of models) model.dispose();
      hold.guard.close();
    });
    const { code, out } = await run('plan qwen2audio --quantization Q5_K_M');
    expect(code).toBe(3);
    expect(out).toMatch(new RegExp(`unload qwen2audio of process ${process.pid} \\(`));
  });

  it('goes by the documented table where no file of a known model is there, and says so', async () => {
    const { code, value } = await json('plan qwen2audio --memory 16GiB');
    expect(code).toBe(0);
    expect(value).toMatchObject({ fromTable: true, decision: { quantization: 'Q4_K_M' } });
    expect((await run('plan qwen2audio --memory 16GiB')).out).toMatch(/documented sizes: they count weights only/);
    expect((await run('plan qwen2audio --memory 4.5GiB')).out).toMatch(/^ {2}Q4_0 +3\.8 GiB lacks/m);
  });

  it('needs no runtime', async () => {
    const missing = new MemoryGuardError('ERR_RUNTIME_NOT_FOUND', 'It is not installed.');
    const opened = vi.spyOn(NexaSDK, 'initialize').mockRejectedValue(missing);
    onTestFinished(() => opened.mockRestore());
    const { code, out } = await run(`plan qwen2audio --models-dir ${files.folder} --memory 8GiB --kv-cache-type q8_0`);
    expect(code).toBe(0);
    expect(out).toMatch(/^A load takes Q4_0 with 4096 tokens of context and a q8_0 cache/m);
    expect(await run(`run ${files.model()} --prompt Hi`)).toMatchObject({ code: 5, out: '' });
    opened.mockRejectedValue(new Error('a fault'));
    expect(await run('plan qwen2audio')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ERR_UNEXPECTED: a fault/),
    });
    await expect(NO_RUNTIME.load()).rejects.toThrow(/nothing is loaded/);
    await expect(NO_SDK.loadModel('m')).rejects.toThrow(/nothing is loaded/);
  });

  it('says why where a downgrade is planned', async () => {
    const { code, out } = await run('plan qwen2audio --memory 6GiB --quantization Q5_K_M');
    expect(code).toBe(0);
    expect(out).toMatch(
      /A load takes Q4_K_M: .* Q5_K_M does not fit; free-ratio-after-load: 1\.5 GiB needed, 1\.2 GiB there/,
    );
    expect(out).toMatch(/^For the asked one, use a machine or container of/m);
  });

  it.each([
    ['plan /nowhere/model.gguf', 4, 'ERR_MODEL_FILE'],
    ['plan nobody', 4, 'ERR_UNKNOWN_MODEL'],
    ['plan qwen2audio --models-dir /nowhere', 4, 'ERR_UNKNOWN_MODEL'],
    ['plan qwen2audio --quantization Q9', 4, 'ERR_UNKNOWN_QUANTIZATION'],
  ])('`%s` ends with %i', async (words, code, name) => {
    expect(await run(words)).toMatchObject({ code, out: '', err: expect.stringContaining(`${name}: `) });
    expect((await json(words)).value).toMatchObject({ error: { code: name } });
  });
});

describe('run', () => {
  const model = () => files.model('Q4_0');

  it('streams the answer to stdout and tells the rest on stderr', async () => {
    const { code, out, err } = await run(`run ${model()} --prompt Hi --max-tokens 8 --seed 1 --context 512`);
    expect(code).toBe(0);
    expect(out).toMatch(/^[^\n]{1,60}\n$/);
    expect(err).toMatch(/Loading .* with 512 tokens of context/);
    expect(err).toMatch(/8 tokens in [\d.]+ s(, the first after [\d.]+ s)?, for \d+ of prompt; ended by: length\./);
  });

  it('hears a file, by the name of a model in a folder, and tells all of it as JSON', async () => {
    const words = `run qwen2audio --models-dir ${files.folder} --quantization Q4_0 --audio ${files.tone} --max-tokens 4`;
    const { code, value } = await json(`${words} --temperature 0`);
    expect(code).toBe(0);
    expect(value).toMatchObject({
      model: { name: 'qwen2audio', quantization: 'Q4_0', modelPath: model() },
      result: { generatedTokens: 4, promptTokens: expect.any(Number), finishReason: 'length' },
      need: { mappedBytes: expect.any(Number) },
      said: expect.arrayContaining([expect.stringMatching(/^Loading/)]),
    });
    expect(value.result.promptTokens).toBeGreaterThan(25);
    expect(value.text).toHaveLength(4);
  });

  it('stops at Ctrl-C, disposes the model, and ends with 130', async () => {
    const io = fakeIo();
    const ending = run(`run ${model()} --prompt Hi --max-tokens 400 --seed 1`, io);
    await vi.waitFor(() => expect(io.stdout.text.length).toBeGreaterThan(0), { timeout: 20_000 });
    io.interrupt();
    expect(io.interruptible()).toBe(0); // a second one ends the program at once
    const { code, err } = await ending;
    expect(code).toBe(130);
    expect(err).toMatch(/Stopping at the next token; once more to end at once\./);
  });

  it('is ended politely with 143', async () => {
    const io = fakeIo();
    const ending = run(`run ${model()} --prompt Hi --max-tokens 400`, io);
    await vi.waitFor(() => expect(io.stdout.text.length).toBeGreaterThan(0), { timeout: 20_000 });
    io.interrupt('SIGTERM');
    expect((await ending).code).toBe(143);
  });

  it('passes on what the engine refuses, and leaves no listener behind', async () => {
    const io = fakeIo();
    const { code, err } = await run(`run ${model()} --prompt Hi --context 2 --max-tokens 4`, io);
    expect(code).toBe(5);
    expect(err).toMatch(/ERR_RUNTIME: The prompt takes \d+ tokens, but the context has 2/);
    expect(io.interruptible()).toBe(0);
  });

  it('refuses what does not fit, with the numbers in its JSON, unless it is forced', async () => {
    const big = `run ${model()} --prompt Hi --max-tokens 2 --context 100000000 --wait 0.05`;
    const { code, value } = await json(big);
    expect(code).toBe(3);
    expect(value.error).toMatchObject({ code: 'ERR_INSUFFICIENT_MEMORY', shortfallBytes: expect.any(Number) });
    const forced = await run(`run ${model()} --prompt Hi --max-tokens 2 --context 512 --force`);
    expect(forced.code).toBe(0);
  });

  it('ends with 5 where the runtime is not there', async () => {
    expect(await run('run qwen2audio --prompt Hi --runtime nope')).toMatchObject({ code: 2 });
  });
});

describe('the progress of a load', () => {
  it.runIf(process.platform === 'linux')('is written by another thread while this one is blocked', async () => {
    const path = files.path('progress');
    const fd = openSync(path, 'w');
    onTestFinished(() => closeSync(fd));
    const io = fakeIo({ isTTY: true });
    const done = showProgress({ stderr: io.stderr, stderrFd: fd }, 'Loading', 64 * MiB);
    const taken: Buffer[] = [];
    const lines = () => readFileSync(path, 'utf8').split('\r').filter(Boolean);
    for (const endMs = performance.now() + 20_000; lines().length < 3 && performance.now() < endMs; ) {
      if (taken.length < 32) taken.push(Buffer.alloc(1 * MiB, 1)); // this loop never gives the thread back
    }
    expect(lines()[0]).toMatch(/^Loading +\d+ %$/);
    expect(lines().length).toBeGreaterThanOrEqual(3);
    await done();
    expect(io.stderr.text).toBe('\r\x1b[K');
  });

  it('is not shown without a terminal, nor where nobody tells what a process takes', async () => {
    const io = fakeIo();
    await showProgress({ stderr: io.stderr, stderrFd: 2 }, 'Loading', 1)();
    const terminal = fakeIo({ isTTY: true });
    await showProgress({ stderr: terminal.stderr, stderrFd: 2 }, 'Loading', 1, 'darwin')();
    await showProgress({ stderr: terminal.stderr }, 'Loading', 1)();
    expect(io.stderr.text + terminal.stderr.text).toBe('');
  });
});
