import { describe, expect, it } from 'vitest';
import { isThenable } from '../../src/core/is-thenable.ts';

const withThen = (then: unknown) => Object.fromEntries([['then', then]]);

describe('what can be waited for', () => {
  it.each([
    ['a promise', Promise.resolve()],
    ['an object with `then`', withThen(() => {})],
    [
      'a function with `then`',
      Object.assign(
        () => {},
        withThen(() => {}),
      ),
    ],
  ])('is %s', (_what, value) => {
    expect(isThenable(value)).toBe(true);
  });

  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('not now');
    },
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'then'],
    ['an object', {}],
    ['an object whose `then` is no function', withThen(7)],
    ['an object that throws', throwing],
    ['a proxy that was revoked', proxy],
  ])('is not %s', (_what, value) => {
    expect(isThenable(value)).toBe(false);
  });
});
