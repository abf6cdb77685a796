import { describe, expect, it } from 'vitest';
import type { UnloadCause } from '../../src/events/guard-events.ts';
import { ModelLife } from '../../src/models/model-life.ts';

const end = (cause: UnloadCause) => ({ cause, beforeBytes: undefined, over: Promise.resolve(), recent: true });
const look = ({ alive, gone, evicted }: ModelLife) => ({ alive, gone, evicted });

describe('a life', () => {
  it('begins alive', () => {
    expect(look(new ModelLife())).toEqual({ alive: true, gone: false, evicted: false });
  });

  it.each([
    ['unloaded', false],
    ['memory', true],
    ['keep-alive', true],
    ['leaked', true],
  ] as const)(
    'that ends by %s is neither alive nor gone meanwhile, and evicted only if the guard chose so',
    (cause, evicted) => {
      const life = new ModelLife();
      const running = end(cause);
      life.begin(running);
      expect(look(life)).toEqual({ alive: false, gone: false, evicted });
      expect(life.end).toBe(running);
      life.finish(cause);
      expect(look(life)).toEqual({ alive: false, gone: true, evicted });
      expect(life.end).toBeUndefined();
    },
  );

  it('goes on if its end has failed', () => {
    const life = new ModelLife();
    life.begin(end('memory'));
    life.survive();
    expect(look(life)).toEqual({ alive: true, gone: false, evicted: false });
    expect(life.end).toBeUndefined();
  });

  it('stays evicted if its user ends it while the end that the guard chose hangs', () => {
    const life = new ModelLife();
    life.begin(end('memory'));
    life.begin(end('unloaded'));
    life.finish('unloaded');
    expect(look(life)).toEqual({ alive: false, gone: true, evicted: true });
  });

  it('tells when it is gone, also those who ask later', async () => {
    const life = new ModelLife();
    const before = life.whenGone();
    life.finish('unloaded');
    await Promise.all([before, life.whenGone()]);
    const late = new ModelLife();
    late.finish('memory');
    await late.whenGone();
  });
});
