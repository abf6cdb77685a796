/** The demo as a new user runs it: its exit, and what its one screen tells. Needs `npm run compile`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const demo = fileURLToPath(new URL('../../../tools/demo/demo.mjs', import.meta.url));

function runDemo(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [demo, ...args], { encoding: 'utf8' });
}

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('nexa-memory-guard-demo-'));
}

describe('the demo', { timeout: 120_000 }, () => {
  it("shows the guard's whole life and cleans up after itself", () => {
    const before = leftovers();
    const { status, stdout, stderr } = runDemo();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const told = [...stdout.matchAll(/^ {2}([a-z]+) +/gm)].map((match) => match[1]);
    const order = ['downgraded', 'loaded', 'answer', 'refused', 'warning', 'critical', 'ok', 'unloaded', 'models'];
    expect(order.filter((word) => told.includes(word))).toEqual(order);
    expect(stdout).toMatch(/Q5_K_M .* refused by min-free/);
    expect(stdout).toMatch(/Q4_K_M .* fits/);
    expect(stdout).toMatch(/ERR_INSUFFICIENT_MEMORY: required .* headroom .* short of/);
    expect(stdout).toMatch(/0 loaded/);
    expect(leftovers()).toEqual(before);
  });

  it('cleans up and ends with 0 if nobody reads it', () => {
    const before = leftovers();
    const { status, stderr } = spawnSync('sh', ['-c', `{ "${process.execPath}" "${demo}"; echo $? >&2; } | true`], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '0\n' });
    expect(leftovers()).toEqual(before);
  });

  it('says what is wrong with its arguments', () => {
    expect(runDemo('--potato')).toMatchObject({ status: 2, stdout: '' });
    expect(runDemo('--model', demo)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--model, --projector and --audio go together'),
    });
    expect(runDemo('--model', 'no.gguf', '--projector', demo, '--audio', demo)).toMatchObject({
      status: 2,
      stderr: 'Expected --model to be a file, found nothing at no.gguf.\n',
    });
  });

  it('ends with the coded error of a file that is no model', () => {
    const { status, stderr } = runDemo('--model', demo, '--projector', demo, '--audio', demo);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^\n?ERR_MODEL_FILE: /);
  });
});
