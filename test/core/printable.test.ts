import { describe, expect, it } from 'vitest';
import { MemoryGuardError } from '../../src/core/errors.ts';
import { printable, printableJson, printableLines, printableTexts } from '../../src/core/printable.ts';

/** A title of the window, colours, a line's end, a C1 control, an override of direction, a separator, a byte order mark. */
const HOSTILE = '\u001b]0;OWNED\u0007\u001b[31mred\r\n\u009b2J\u202egnp.exe\u2028\ufeff';

describe('a printable text', () => {
  it('is the same text if nothing in it is hidden', () => {
    for (const text of ['', 'qwen2audio', '/models/große Datei (1).gguf', '模型', 'مدل', '😀 100 %']) {
      expect(printable(text)).toBe(text);
    }
  });

  it('shows what a terminal would obey or hide', () => {
    expect(printable(HOSTILE)).toBe(
      '\\u001b]0;OWNED\\u0007\\u001b[31mred\\u000d\\u000a\\u009b2J\\u202egnp.exe\\u2028\\ufeff',
    );
    expect(printable('\u{e0041}\ud800')).toBe('\\udb40\\udc41\\ud800');
  });

  it('of several lines keeps ends of lines and tabs, and what its language needs', () => {
    expect(printableLines('a\n\tb\u001b[2J می\u200cخواهم')).toBe('a\n\tb\\u001b[2J می\u200cخواهم');
  });
});

describe('printable JSON', () => {
  it('means the same', () => {
    const value = { [HOSTILE]: [HOSTILE, 1, null] };
    const json = printableJson(JSON.stringify(value, null, 2));
    expect(JSON.parse(json)).toEqual(value);
    expect(json.replaceAll('\n', '')).toBe(printable(json.replaceAll('\n', '')));
  });
});

describe('a value with printable texts', () => {
  it('has the same parts, and the same one in two places', () => {
    const scope = { path: '\u001b', bytes: 5 };
    const found = printableTexts({ scopes: [scope], limitedBy: scope, none: null, missing: undefined, isOn: true });
    expect(found).toEqual({
      scopes: [{ path: '\\u001b', bytes: 5 }],
      limitedBy: { path: '\\u001b', bytes: 5 },
      none: null,
      missing: undefined,
      isOn: true,
    });
    expect(found.scopes[0]).toBe(found.limitedBy);
  });

  it('may lead back to itself', () => {
    const value: { self?: unknown } = {};
    value.self = value;
    const copy = printableTexts(value);
    expect(copy.self).toBe(copy);
  });
});

it('an error of this package has a printable message', () => {
  const { message } = new MemoryGuardError('ERR_MODEL_FILE', `Expected a GGUF file, got ${HOSTILE}.`);
  expect(message).toBe(printable(message));
});
