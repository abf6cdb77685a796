/** `watch` in this process, with the real machine and ledger: on a terminal that a test holds, as lines and as JSON. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { countColumns } from '../../../src/cli/table.ts';
import { MiB, withMemoryGuard } from '../../../src/index.ts';
import { FakeKeys, fakeIo } from '../../support/fake-io.ts';

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const start = (words: string, io: ReturnType<typeof fakeIo>) =>
  runCommandLine(`watch ${words}`.trim().split(' '), io, '0');

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** Another guard of this process, whose models the screen shall show. */
async function hold(name: string) {
  const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
  const other = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
  onTestFinished(() => other.guard.close());
  const model = await other.loadModel(name, { memoryGuard: { footprint: 1 * MiB } });
  return { model, guard: other.guard };
}

describe('a name that a terminal would obey', () => {
  const name = '\u001b]0;OWNED\u0007\u001b[31mred\u202e';
  const shown = '\\u001b]0;OWNED\\u0007\\u001b[31mred\\u202e';

  it('is shown on the screen, in lines and in JSON without what it would obey', async () => {
    const screen = fakeIo({ isTTY: true, columns: 160, rows: 40 }, { NO_COLOR: '1' });
    const [lines, json] = [fakeIo(), fakeIo()];
    const endings = [
      start('--interval 20', screen),
      start('--interval 20 --count 400', lines),
      start('--interval 20 --count 400 --json', json),
    ];
    await eventually(() => expect([lines.stdout.text, json.stdout.text]).not.toContain(''));
    const { model } = await hold(name);
    await eventually(() => expect(screen.stdout.text).toContain(`loaded  ${shown}`));
    await eventually(() => expect(lines.stdout.text).toContain(`loaded ${shown} in process`));
    await eventually(() => expect(json.stdout.text).toContain(shown));
    model.dispose();
    screen.stdin.type('q');
    for (const io of [lines, json]) io.interrupt('SIGINT');
    await Promise.all(endings);
    for (const { stdout } of [screen, lines, json]) expect(stdout.text).not.toContain(name.slice(0, 4));
    for (const character of name.match(/[^\x20-\x7e]/g)!) {
      expect(lines.stdout.text + json.stdout.text).not.toContain(character);
    }
    const readings = json.stdout.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { entries: { label: string }[] });
    expect(readings.flatMap(({ entries }) => entries.map(({ label }) => label))).toContain(name);
  });
});

describe('watch on a terminal', () => {
  it('draws on the other screen, follows its size, and leaves it as it was at `q`', async () => {
    const io = fakeIo({ isTTY: true, columns: 100, rows: 30 }, { NO_COLOR: '1' });
    const ending = start('--interval 20', io);
    await eventually(() => expect(io.stdout.text).toContain('Scopes'));
    expect(io.stdout.text.startsWith(ENTER)).toBe(true);
    expect(io.stdin).toMatchObject({ raw: true, reading: true });
    const { model } = await hold('a-model-to-see');
    await eventually(() => expect(io.stdout.text).toMatch(new RegExp(`${process.pid} +loaded +a-model-to-see`)));
    await eventually(() => expect(io.stdout.text).toMatch(/loaded a-model-to-see in process/));
    io.stdout.text = '';
    io.stdout.resize(60, 12);
    expect(Math.max(...io.stdout.text.split('\n').map(countColumns))).toBeLessThan(61);
    expect(io.stdout.text.split('\n').length).toBeLessThan(13);
    io.stdout.resize(100, 30);
    model.dispose();
    await eventually(() => expect(io.stdout.text).toMatch(/a-model-to-see of process \d+ is gone/));
    io.stdin.type('x');
    io.stdin.type('q');
    expect(await ending).toBe(0);
    expect(io.stdout.text.endsWith(LEAVE)).toBe(true);
    expect(io.stdin).toMatchObject({ raw: false, reading: false });
    expect([io.stdout.listeners, io.interruptible()]).toEqual([0, 0]);
  });

  it.each([
    ['Ctrl-C as a key', (io: ReturnType<typeof fakeIo>) => io.stdin.type('\x03'), 130],
    ['Ctrl-C as a signal', (io: ReturnType<typeof fakeIo>) => io.interrupt('SIGINT'), 130],
    ['a request to end', (io: ReturnType<typeof fakeIo>) => io.interrupt('SIGTERM'), 143],
    ['Escape', (io: ReturnType<typeof fakeIo>) => io.stdin.type('\x1b'), 0],
  ])('ends at %s, and leaves the screen', async (_how, end, code) => {
    const io = fakeIo({ isTTY: true });
    const ending = start('--interval 100000', io);
    await eventually(() => expect(io.stdout.text).toContain('Headroom'));
    end(io);
    expect(await ending).toBe(code);
    expect(io.stdout.text.endsWith(LEAVE)).toBe(true);
  });
});

describe('watch on a terminal without a keyboard', () => {
  it('draws as well, and ends at a signal', async () => {
    const io = { ...fakeIo({ isTTY: true }), stdin: new FakeKeys(false) };
    const ending = runCommandLine(['watch', '--interval', '100000'], io, '0');
    await eventually(() => expect(io.stdout.text).toContain('Headroom'));
    io.interrupt();
    expect(await ending).toBe(130);
    expect(io.stdout.text.endsWith(LEAVE)).toBe(true);
  });
});

describe('watch on a dumb terminal', () => {
  it('prints lines, and nothing that such a terminal would show as it is', async () => {
    const io = fakeIo({ isTTY: true }, { TERM: 'dumb' });
    expect(await start('--count 2 --interval 1', io)).toBe(0);
    expect(io.stdout.text.trim().split('\n')).toHaveLength(2);
    expect(io.stdout.text).not.toContain('\x1b');
  });
});

describe('watch elsewhere', () => {
  it('prints a line for each reading, and one for what happened', async () => {
    const io = fakeIo();
    const ending = start('--interval 20 --count 200', io);
    const { model } = await hold('another');
    await eventually(() => expect(io.stdout.text).toMatch(/\d\d:\d\d:\d\d (loaded|loading) another in process \d+/));
    model.dispose();
    await eventually(() => expect(io.stdout.text).toMatch(/another of process \d+ is gone/));
    io.interrupt();
    expect(await ending).toBe(130);
    expect(io.stdout.text).toMatch(
      /^\d\d:\d\d:\d\d headroom [\d.]+ \w+ of [\d.]+ \w+, (ok|warning|critical); \d+ held by/m,
    );
    expect(io.stdout.text).not.toContain('\x1b');
  });

  it('prints an object for each reading, a line each, so many as are asked for', async () => {
    const io = fakeIo({ isTTY: true });
    expect(await start('--json --interval 5 --count 3', io)).toBe(0);
    const readings = io.stdout.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(readings).toHaveLength(3);
    for (const reading of readings) {
      expect(reading).toMatchObject({
        atMs: expect.any(Number),
        headroomBytes: expect.any(Number),
        snapshot: { scopes: expect.any(Array) },
        entries: expect.any(Array),
        changes: expect.any(Array),
      });
    }
  });

  it('tells what the guard does without, for example if the processes can’t meet', async () => {
    const open = mkdtempSync(join(tmpdir(), 'nexa-open-'));
    onTestFinished(() => rmSync(open, { recursive: true }));
    chmodSync(open, 0o755);
    const io = fakeIo();
    expect(await start(`--count 2 --interval 1 --ledger ${open}`, io)).toBe(0);
    expect(io.stdout.text).toMatch(/^\d\d:\d\d:\d\d Expected .* found that it is open to others/m);
  });
});
