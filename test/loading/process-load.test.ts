/** What a load that runs in a process does for its promise, over a scripted process and the real bookkeeping. */
import { describe, expect, it } from 'vitest';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { ModelProcess } from '../../src/core/model-process.ts';
import type { LoadNeed } from '../../src/core/types.ts';
import { findWall, ProcessLoad } from '../../src/loading/process-load.ts';
import type { HeldProcess } from '../../src/models/held-process.ts';
import { makeLoadedModels } from '../support/make-loaded-models.ts';
import { ScriptedProcess, scriptedAdapter } from '../support/scripted-processes.ts';

const NEED: LoadNeed = { mappedBytes: 20 * MiB, anonymousBytes: 100 * MiB, basis: 'gguf' };

interface Given {
  readonly shared?: boolean;
  readonly need?: LoadNeed;
  readonly containment?: 'off';
  readonly readable?: boolean;
}

function begin({ shared = false, need = NEED, containment, readable = true }: Given = {}) {
  const { gate, clock, promisedBytes } = makeLoadedModels();
  const process = new ScriptedProcess(shared);
  const known = new WeakMap<ModelProcess, HeldProcess>();
  const adapter = scriptedAdapter({ shared, ...(containment && { containment }) });
  const probeProcess = () => (readable ? process.probe : undefined);
  const start = (reservation = gate.reserve('m', need)) => {
    const load = new ProcessLoad(adapter, reservation, known, { gate, clock, probeProcess });
    const [, options] = load.listen(['m', { a: 1 }]) as [string, { a: number; listener: (of: ModelProcess) => void }];
    return { load, options, reservation };
  };
  return { gate, clock, process, promisedBytes, start };
}

describe('a load in a process', () => {
  it('knows the process once the SDK has told of it, and passes the options on', () => {
    const { process, start } = begin();
    const { load, options } = start();
    expect(options).toMatchObject({ a: 1 });
    expect(load.held).toBeUndefined();
    options.listener(process);
    expect(load.held?.process).toBe(process);
    load.close();
  });

  it('pays its promise by what the process holds, as it grows and as it shrinks', () => {
    const { clock, process, promisedBytes, start } = begin();
    const { load, options } = start();
    expect(promisedBytes()).toBe(100 * MiB);
    options.listener(process);
    expect(promisedBytes()).toBe(90 * MiB);
    process.heldBytes = 70 * MiB;
    clock.advance(25);
    expect(promisedBytes()).toBe(30 * MiB);
    process.heldBytes = 500 * MiB;
    clock.advance(25);
    expect(promisedBytes()).toBe(0);
    process.heldBytes = 40 * MiB;
    clock.advance(25);
    expect(promisedBytes()).toBe(60 * MiB);
    load.close();
    expect(clock.pending).toBe(0);
  });

  it('is told to others while nobody looks here', () => {
    const { gate, clock, process, start } = begin();
    const { load, options } = start();
    options.listener(process);
    let looks = 0;
    const readTakenBytes = () => {
      looks += 1;
      return undefined;
    };
    gate.follow({ readTakenBytes }, gate.reserve('other', NEED));
    clock.advance(100);
    expect(looks).toBe(4);
    load.close();
  });

  it('looks by one timer, however often the SDK tells', () => {
    const { clock, process, start } = begin();
    const { load, options } = start();
    options.listener(process);
    options.listener(process);
    expect(clock.pending).toBe(1);
    load.close();
    expect(clock.pending).toBe(0);
  });

  it('pays the first of several models that share the process first, by what that has grown', () => {
    const { clock, process, promisedBytes, start } = begin({ shared: true });
    const [one, other] = [start(), start()];
    one.options.listener(process);
    other.options.listener(process);
    expect(one.load.held).toBe(other.load.held);
    expect(promisedBytes()).toBe(200 * MiB);
    process.heldBytes = 160 * MiB;
    clock.advance(25);
    expect(promisedBytes()).toBe(50 * MiB);
    one.load.close();
    other.load.close();
  });

  it('pays nothing where the system doesn’t tell what a process holds', () => {
    const { clock, process, promisedBytes, start } = begin({ readable: false });
    const { load, options } = start();
    options.listener(process);
    expect(promisedBytes()).toBe(100 * MiB);
    expect([process.walls, clock.pending]).toEqual([[], 0]);
    load.close();
  });
});

describe('the wall of a process', () => {
  const wallsOf = (given: Given) => {
    const { process, start } = begin(given);
    const { load, options } = start();
    options.listener(process);
    load.close();
    return process.walls;
  };

  it('is what was promised, with a margin', () => {
    expect(wallsOf({})).toEqual([184 * MiB]);
  });

  it('is not given to one that others share, where that is switched off, nor by a figure that isn’t the model’s', () => {
    expect(wallsOf({ shared: true })).toEqual([]);
    expect(wallsOf({ containment: 'off' })).toEqual([]);
    expect(wallsOf({ need: { ...NEED, basis: 'table' } })).toEqual([]);
    expect(wallsOf({ need: { ...NEED, basis: 'unknown' } })).toEqual([]);
  });

  it('is an eighth higher for a large promise, in whole bytes', () => {
    expect(findWall({ mappedBytes: 0, anonymousBytes: 8 * GiB, basis: 'measured' })).toBe(9 * GiB);
    expect(findWall({ mappedBytes: 3, anonymousBytes: 8 * GiB + 1, basis: 'given' })).toBe(9 * GiB + 5);
  });
});
