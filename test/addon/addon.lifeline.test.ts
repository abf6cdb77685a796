/** `endWith`: real children that block their event loop end with a real parent, and only with it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/addon/load-addon.ts';
import type { Life, Order } from '../support/addon/lifeline-family.mjs';
import { GroupProgram, hasEnded, waitUntil } from '../support/group-program.ts';

const PROGRAM = fileURLToPath(new URL('../support/addon/lifeline-family.mjs', import.meta.url));
const BUILT = fileURLToPath(new URL('../../build/Release/nexa_memory_guard.node', import.meta.url));

const there = loadAddon() !== undefined && process.platform === 'linux';
if (!there)
  console.warn('The end of a child with its parent is not tested: the addon is not built, or this is no Linux.');

/** Longer than any wait of these tests. */
const BLOCKED: Life = { calls: [{ descriptor: 3 }], blockMs: 20_000 };
/** The thread looks at the parent's pid twice in a second. */
const MOST_MS = 2000;
const SEVERAL_LOOKS_MS = 1300;

class Family extends GroupProgram {
  constructor() {
    super([PROGRAM, BUILT]);
  }

  order(order: Order): void {
    this.tell(order);
  }

  /** Starts a child, waits until it has called, and returns its pid and what the calls returned. */
  async fork(name: string, life: Life, thread?: string): Promise<{ pid: number; answers: unknown }> {
    this.order({ fork: name, life, ...(thread !== undefined && { thread }) });
    const { pid } = (await this.next()) as { pid: number };
    const { said: answers } = (await this.next()) as { said: unknown };
    return { pid, answers };
  }
}

describe.skipIf(!there)('a child that ends with its parent', () => {
  it('ends if its parent is killed, also while it is blocked, and one that did not ask for it goes on', async () => {
    const family = new Family();
    const child = await family.fork('child', BLOCKED);
    const other = await family.fork('other', { ...BLOCKED, calls: [] });
    expect(child.answers).toEqual([true]);
    await sleep(SEVERAL_LOOKS_MS);
    expect([hasEnded(child.pid), hasEnded(other.pid)]).toEqual([false, false]);
    family.process.kill('SIGKILL');
    await waitUntil(() => hasEnded(child.pid), MOST_MS);
    expect(hasEnded(other.pid)).toBe(false);
  });

  it('ends if its parent is killed and the descriptor says nothing', async () => {
    const family = new Family();
    const { pid, answers } = await family.fork('child', { ...BLOCKED, calls: [{ descriptor: 'file' }] });
    expect(answers).toEqual([true]);
    await sleep(SEVERAL_LOOKS_MS);
    expect(hasEnded(pid)).toBe(false);
    family.process.kill('SIGKILL');
    await waitUntil(() => hasEnded(pid), MOST_MS);
  });

  it('goes on while its parent lives, and reads what was sent while it was blocked', async () => {
    const family = new Family();
    const { pid } = await family.fork('child', { ...BLOCKED, blockMs: SEVERAL_LOOKS_MS });
    for (const text of ['one', 'two']) family.order({ send: 'child', text });
    expect(await family.next()).toEqual({ name: 'child', said: 'one' });
    expect(await family.next()).toEqual({ name: 'child', said: 'two' });
    expect(hasEnded(pid)).toBe(false);
  });

  it('ends by SIGKILL if its parent closes the channel and lives', async () => {
    const family = new Family();
    const { pid } = await family.fork('child', BLOCKED);
    const other = await family.fork('other', BLOCKED);
    family.order({ disconnect: 'child' });
    expect(await family.next()).toEqual({ name: 'child', code: null, signal: 'SIGKILL' });
    expect(hasEnded(pid)).toBe(true);
    await sleep(SEVERAL_LOOKS_MS);
    expect([hasEnded(other.pid), hasEnded(family.pid)]).toEqual([false, false]);
  });

  it('ends with the thread that forked it, and not with another one', async () => {
    const family = new Family();
    const ofOne = await family.fork('of one', BLOCKED, 'one');
    const ofTwo = await family.fork('of two', BLOCKED, 'two');
    const ofMain = await family.fork('of main', BLOCKED);
    family.order({ endThread: 'one' });
    await waitUntil(() => hasEnded(ofOne.pid), MOST_MS);
    await sleep(SEVERAL_LOOKS_MS);
    expect([hasEnded(ofTwo.pid), hasEnded(ofMain.pid), hasEnded(family.pid)]).toEqual([false, false, false]);
  });

  it('ends at once if its parent is another process by now', async () => {
    const family = new Family();
    family.order({ fork: 'child', life: { calls: [{ descriptor: 3, pid: process.pid }], blockMs: 20_000 } });
    const { pid } = (await family.next()) as { pid: number };
    await waitUntil(() => hasEnded(pid), MOST_MS);
    expect(hasEnded(family.pid)).toBe(false);
  });

  it('may ask twice, and ends by itself as it likes', async () => {
    const family = new Family();
    const life: Life = { calls: [{ descriptor: 3 }, { descriptor: 3 }], exits: true };
    const { answers } = await family.fork('child', life);
    expect(answers).toEqual([true, true]);
    expect(await family.next()).toEqual({ name: 'child', code: 7, signal: null });
  });

  it('is told if the descriptor is none, and may ask again', async () => {
    const family = new Family();
    const { answers } = await family.fork('child', { ...BLOCKED, calls: [{ descriptor: -1 }, { descriptor: 3 }] });
    expect(answers).toEqual([false, true]);
  });

  it('has a pid for its parent', () => {
    for (const pid of [0, -1]) {
      expect(() => loadAddon()!.endWith!(0, pid)).toThrow(
        new TypeError(`Expected \`pid\` to be a number from 1, got ${pid}.`),
      );
    }
  });
});
