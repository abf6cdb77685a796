import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { HeldProcess } from '../../src/models/held-process.ts';
import { settled } from '../support/fake-sdk.ts';
import { ScriptedProcess } from '../support/scripted-processes.ts';

function hold(shared = false) {
  const process = new ScriptedProcess(shared);
  return { process, held: new HeldProcess(process, process.probe) };
}

describe('what a held process holds', () => {
  it('pays all of it for the one model that it was started for, and its growth is the model’s', () => {
    const { process, held } = hold();
    process.heldBytes = 110 * MiB;
    expect(held.readTakenBytes()).toBe(110 * MiB);
    expect(held.readGrownBytes()).toBe(100 * MiB);
    expect([held.readable, held.own]).toEqual([true, true]);
    process.heldBytes = 4 * MiB;
    expect(held.readGrownBytes()).toBe(0);
  });

  it('pays only its growth if several models share it', () => {
    const { process, held } = hold(true);
    process.heldBytes = 110 * MiB;
    expect(held.readTakenBytes()).toBe(100 * MiB);
    expect([held.readable, held.own]).toEqual([true, false]);
  });

  it('pays nothing while it can’t be read', () => {
    const { process, held } = hold();
    process.heldBytes = 50 * MiB;
    held.readTakenBytes();
    process.heldBytes = undefined;
    expect(held.readTakenBytes()).toBeUndefined();
    expect(held.heldBytes).toBe(50 * MiB);
  });

  it('has never grown by a known figure if it could not be read before its first load', () => {
    const process = new ScriptedProcess(true);
    process.heldBytes = undefined;
    const held = new HeldProcess(process, process.probe);
    process.heldBytes = 500 * MiB;
    expect([held.readTakenBytes(), held.readGrownBytes()]).toEqual([undefined, undefined]);
    expect(held.heldBytes).toBe(500 * MiB);
  });

  it('is what was read last once it has ended', async () => {
    const { process, held } = hold();
    process.heldBytes = 50 * MiB;
    held.readTakenBytes();
    process.end({ exitCode: 3 });
    await settled();
    expect(held.readGrownBytes()).toBe(40 * MiB);
    expect(held.heldBytes).toBe(50 * MiB);
    // Another process may have its number.
    process.heldBytes = 900 * MiB;
    expect([held.readTakenBytes(), held.heldBytes, held.listMappings()]).toEqual([undefined, 50 * MiB, undefined]);
    expect(held.end).toMatchObject({ exitCode: 3 });
    expect(process.closed).toBe(1);
  });

  it('is unknown where the system doesn’t tell', async () => {
    const held = new HeldProcess(new ScriptedProcess(), undefined);
    expect([held.readable, held.own, held.heldBytes]).toEqual([false, false, undefined]);
    expect([held.readTakenBytes(), held.readGrownBytes(), held.listMappings()]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(await held.contain(1, 0)).toBeUndefined();
    expect([held.killer, held.fatalBytes]).toEqual([undefined, undefined]);
  });

  it('has the files that the probe lists', () => {
    const { process, held } = hold();
    process.files = [{ key: 'fe:00 5', bytes: 7 }];
    expect(held.listMappings()).toEqual(process.files);
  });
});

describe('who ended a held process', () => {
  it('is asked once, as it ends, and told to everyone', async () => {
    const { process, held } = hold(true);
    expect(held.killer).toBeUndefined();
    process.killedBy({ path: '/x' });
    await settled();
    expect([held.killer, held.killer]).toMatchObject([{ path: '/x' }, { path: '/x' }]);
  });

  it.each([
    ['by itself', { exitCode: 1 }],
    ['by another signal', { signal: 'SIGSEGV' }],
    ['since it no longer answered', { signal: 'SIGKILL', hung: true }],
    ['since that was asked for', { signal: 'SIGKILL', asked: true }],
  ] as const)('is not the kernel if it ended %s', async (_how, end) => {
    const { process, held } = hold();
    process.kills.push({ kind: 'host', path: 'host', own: false }); // some other process's
    process.end(end);
    await settled();
    expect(held.killer).toBeUndefined();
    expect(held.fatalBytes).toBeUndefined();
    expect(process.kills).toHaveLength(1);
  });
});

describe('what a model had taken when the kernel ended it', () => {
  it('is what was read last', async () => {
    const { process, held } = hold();
    process.heldBytes = 60 * MiB;
    held.readGrownBytes();
    process.killedBy({ kind: 'host', path: 'host' });
    await settled();
    expect(held.fatalBytes).toBe(50 * MiB);
  });

  it('is at the least what its own wall leaves for it, if that ended it', async () => {
    const { process, held } = hold();
    await held.contain(500 * MiB, 100 * MiB);
    process.heldBytes = 60 * MiB;
    held.readGrownBytes();
    process.killedBy({ own: true });
    await settled();
    expect(held.fatalBytes).toBe(400 * MiB);
  });

  it('is more if its wall was moved for a call, as far as none before has moved it', async () => {
    const { process, held } = hold();
    held.widen(50 * MiB); // it has none yet
    await held.contain(500 * MiB, 100 * MiB);
    held.widen(50 * MiB);
    held.widen(50 * MiB);
    held.widen(80 * MiB);
    process.killedBy({ own: true });
    await settled();
    expect(held.fatalBytes).toBe(480 * MiB);
  });

  it('is not a wall that it has not got, nor one that it did not run into', async () => {
    for (const [noWall, own] of [
      ['no', true],
      [undefined, false],
    ] as const) {
      const { process, held } = hold();
      process.noWall = noWall;
      expect(await held.contain(500 * MiB, 0)).toBe(noWall);
      process.killedBy({ own });
      await settled();
      expect(held.fatalBytes).toBe(0);
    }
  });
});
