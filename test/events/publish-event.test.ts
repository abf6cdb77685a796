import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GiB } from '../../src/core/bytes.ts';
import { EVENT_NAMES } from '../../src/events/guard-events.ts';
import { FakeMachine, guardedFake } from '../support/fake-sdk.ts';

const MODEL = { memoryGuard: { footprint: 1 * GiB } };

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
