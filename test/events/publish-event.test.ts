import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { EVENT_NAMES } from '../../src/events/guard-events.ts';
import { DOCUMENTED_NEEDS } from '../support/documented-needs.ts';
import { FakeMachine, guardedFake, settled } from '../support/fake-sdk.ts';

const MODEL = { memoryGuard: { footprint: 1 * GiB } };

it('a message is printable, whatever the name in it; the name itself stays as it is', async () => {
  const { nexa, events } = guardedFake(new FakeMachine(12 * GiB));
  const name = 'm\u001b[2J\n\u202e';
  await nexa.loadModel(name, MODEL);
  expect(events[0]).toMatchObject({ type: 'admitted', model: name });
  expect(events[0]?.message).toContain('m\\u001b[2J\\u000a\\u202e');
  for (const { message } of events) expect(message).not.toMatch(/\p{Cc}|\p{Cf}/u);
});

describe('diagnostics channels', () => {
  it('carry each event, the very object that listeners are given', async () => {
    const published: unknown[] = [];
    const listener = (message: unknown) => void published.push(message);
    for (const name of EVENT_NAMES) subscribe(`nexa-memory-guard:${name}`, listener);
    onTestFinished(() => {
      for (const name of EVENT_NAMES) unsubscribe(`nexa-memory-guard:${name}`, listener);
    });
    const { nexa, events } = guardedFake(new FakeMachine(12 * GiB));
    await nexa.loadModel('m', MODEL);
    await expect(nexa.loadModel('n', { memoryGuard: { footprint: 90 * GiB } })).rejects.toThrow();
    expect(events.map(({ type }) => type)).toEqual(['admitted', 'loaded', 'refused']);
    expect(published).toHaveLength(3);
    for (const [index, event] of events.entries()) expect(published[index]).toBe(event);
    expect(published.every(Object.isFrozen)).toBe(true);
  });

  it('are not published to without a subscriber', async () => {
    const published = EVENT_NAMES.map((name) => vi.spyOn(channel(`nexa-memory-guard:${name}`), 'publish'));
    onTestFinished(() => void vi.restoreAllMocks());
    const { nexa, events } = guardedFake(new FakeMachine(12 * GiB));
    await nexa.loadModel('m', MODEL);
    expect(events).toHaveLength(2);
    for (const publish of published) expect(publish).not.toHaveBeenCalled();
  });
});

/** Resolves to the errors that surface as uncaught while `act` runs. */
async function catchUncaught(act: () => Promise<unknown>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    await act();
    await settled();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  }
  return uncaught;
}

describe('a listener or a logger', () => {
  it('that throws surfaces as uncaught and breaks no load', async () => {
    const [ofListener, ofLogger] = [new Error('listener'), new Error('logger')];
    const logger = {
      info(message: string) {
        if (message.startsWith('Loading')) throw ofLogger;
      },
    };
    const { nexa, guard, types } = guardedFake(new FakeMachine(15 * GiB), { logger });
    guard.on('loaded', () => {
      throw ofListener;
    });
    const uncaught = await catchUncaught(async () => {
      const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
      expect(await model.generate()).toBe('text');
    });
    expect(uncaught).toEqual([ofLogger, ofListener]);
    expect(types()).toEqual(['admitted', 'loaded']);
    expect(guard.models()).toHaveLength(1);
  });
});

describe('the logger', () => {
  it('gets every line, the loud ones as warnings', async () => {
    const logger = { info: vi.fn(), warn: vi.fn() };
    const { nexa, machine, clock, events } = guardedFake(new FakeMachine(15 * GiB), { logger });
    const model = await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    machine.availableBytes = DOCUMENTED_NEEDS.Q4_0;
    await clock.advanceAsync(2000, 100);
    machine.availableBytes = 15 * GiB;
    await clock.advanceAsync(3000, 100);
    await model.dispose();
    await clock.advanceAsync(500);
    const lines = (types: string[]) =>
      events.filter(({ type }) => types.includes(type)).map(({ message }) => [message]);
    expect(logger.info.mock.calls).toEqual(lines(['admitted', 'loaded', 'ok', 'unloaded']));
    expect(logger.warn.mock.calls).toEqual(lines(['critical']));
    expect(logger.warn).toHaveBeenCalledTimes(1);
    expect(logger.info).toHaveBeenCalledTimes(4);
  });

  it('may have neither method', async () => {
    const { nexa, types } = guardedFake(new FakeMachine(15 * GiB), { logger: {} });
    await nexa.loadModel('qwen2audio', { quantization: 'Q4_0' });
    expect(types()).toEqual(['admitted', 'loaded']);
  });
});
