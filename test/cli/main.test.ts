/** The built program as a user runs it: in a shell, into a pipe, on a real pseudo-terminal. Needs `npm run compile`. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { countColumns } from '../../src/cli/table.ts';
import { MiB } from '../../src/index.ts';
import { type ControlGroup, createControlGroup, whyNoControlGroups } from '../support/create-control-group.ts';
import { makeTinyModels, type TinyModels } from '../support/tiny-models.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const noControlGroups = whyNoControlGroups();

let files: TinyModels;
beforeAll(() => {
  files = makeTinyModels();
});
afterAll(() => files.remove());

/** A real pseudo-terminal, where util-linux brings one. */
const SCRIPT = ['/usr/bin/script', '/bin/script'].find((path) => existsSync(path));

function terminal(command: string) {
  // Its own input stays open, or it would end at once.
  const child = spawn(SCRIPT as string, ['-qec', `stty cols 80 rows 24; ${command}`, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', TERM: 'xterm' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  return { child, text: () => text };
}

describe('the program', () => {
  it('is what package.json names, starts with its version, and says how it ended', () => {
    const { bin } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(bin).toEqual({ 'nexa-memory-guard': './dist/cli/main.js' });
    expect(readFileSync(MAIN, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(execFileSync(process.execPath, [MAIN, '--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
    const bad = spawnSync(process.execPath, [MAIN, 'plan', '/nowhere.gguf'], { encoding: 'utf8' });
    expect(bad).toMatchObject({ status: 4, stdout: '' });
    expect(bad.stderr).toMatch(/^nexa-memory-guard: ERR_MODEL_FILE: [^\n]+\n$/);
  });

  it('is given the words of its process and takes its exit code', async () => {
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

  it.each(['watch --interval 5', 'watch --interval 5 --json'])('`%s | head` ends without a fault', (words) => {
    const command = `"$0" "$1" ${words} | head -n 2; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', command, process.execPath, MAIN], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').at(-1)).toBe('0');
    expect(stdout.trim().split('\n')).toHaveLength(3);
  });

  it('ends at a signal and tells it by its exit code', async () => {
    const child = spawn(process.execPath, [MAIN, 'watch', '--interval', '20'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(130);
  });

  it('keeps the answer apart from what it tells', () => {
    const words = ['run', files.model('Q4_0'), '--prompt', 'Hi', '--max-tokens', '6', '--seed', '1'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(/^Loading /);
    expect(stdout + stderr).not.toContain('\x1b');
  });
});

describe.runIf(noControlGroups === undefined)('the program in a control group', () => {
  it('says what binds, and to what the limit is to be raised: with that the model fits', async () => {
    const group = createControlGroup(200 * MiB);
    const words = ['plan', files.model('F32'), '--context', '4096', '--json'];
    const refused = await inGroup(group, words);
    expect(refused.code).toBe(3);
    const { help, decision } = JSON.parse(refused.text);
    expect(decision.verdict).toBe('refuse');
    const [, path, from, to] = /raise the limit of (\S+) from ([\d.]+ MiB) to ([\d.]+ MiB)/.exec(help.join('; ')) ?? [];
    expect([path, from]).toEqual([group.path, '200.0 MiB']);
    group.setLimit(Math.round(Number(to?.slice(0, -4)) + 32) * MiB);
    expect((await inGroup(group, words)).code).toBe(0);
    const { text } = await inGroup(group, ['doctor']);
    expect(text).toMatch(new RegExp(`^Binds +cgroup-v1 ${group.path}$`, 'm'));
    expect(text).toMatch(/^To change +Qwen2-Audio needs 8\.0 GiB .* raise the limit of/m);
  });
});

/** Runs it inside, and gives its exit code and what it printed. */
async function inGroup(group: ControlGroup, words: readonly string[]): Promise<{ code: number; text: string }> {
  const child = group.spawn([process.execPath, MAIN, ...words]);
  let text = '';
  child.stdout?.on('data', (data) => {
    text += data;
  });
  const [code] = await once(child, 'close');
  return { code, text };
}

describe.runIf(SCRIPT)('the program on a real terminal', () => {
  it('draws a live screen that fits, and gives the terminal back at Ctrl-C', async () => {
    const { child, text } = terminal(`"${process.execPath}" "${MAIN}" watch --interval 50; echo "ended with $?"`);
    await vi.waitFor(() => expect(text()).toContain('Models and reservations'), { timeout: 20_000 });
    expect(text()).toContain('\x1b[?1049h');
    const drawn = text().split('\x1b[H')[1] as string;
    for (const line of drawn.split(/\r?\n/)) expect(countColumns(line)).toBeLessThanOrEqual(80);
    child.stdin.write('\x03');
    await vi.waitFor(() => expect(text()).toContain('ended with 130'), { timeout: 20_000 });
    expect(text().lastIndexOf('\x1b[?1049l')).toBeGreaterThan(text().lastIndexOf('\x1b[?1049h'));
  });
});
