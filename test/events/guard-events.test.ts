import { describe, expect, expectTypeOf, it } from 'vitest';
import { checkEventName, EVENT_NAMES, type GuardEventName } from '../../src/events/guard-events.ts';

describe('the name of an event', () => {
  it.each(EVENT_NAMES)('`%s` is one', (name) => {
    expect(checkEventName(name)).toBe(name);
  });

  it.each(['warnign', 'Warning', '', 5, undefined, 'toString'])('`%s` is none', (name) => {
    expect(() => checkEventName(name as GuardEventName)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringContaining(`Expected \`event\` to be one of ${EVENT_NAMES.join(', ')}, got `),
      }),
    );
  });

  it('stands in the list for every event that there is, once', () => {
    expectTypeOf<(typeof EVENT_NAMES)[number]>().toEqualTypeOf<GuardEventName>();
    expect(new Set(EVENT_NAMES).size).toBe(EVENT_NAMES.length);
  });
});
