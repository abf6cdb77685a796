import { expect, test } from 'vitest';
import { checkTemplate, findTemplateFault } from '../../src/sdk/check-template.ts';
import { MOST_CHAINED, MOST_NESTED } from '../../src/sdk/nesting.ts';

const around = (open: string, inner: string, close: string, times: number) =>
  `${open.repeat(times)}${inner}${close.repeat(times)}`;

/** Text with `times` levels or joints, by what they are. */
const SHAPES: Record<string, readonly [(times: number) => string, most: number]> = {
  parentheses: [(times) => `{{ ${around('(', '1', ')', times)} }}`, MOST_NESTED],
  lists: [(times) => `{% set x = ${around('[', '', ']', times)} %}`, MOST_NESTED],
  dicts: [(times) => `{{ ${around('{"a":', '1', '}', times)} }}`, MOST_NESTED],
  loops: [(times) => around('{% for a in b %}', 'a', '{% endfor %}', times), MOST_NESTED],
  'open loops': [(times) => '{%- for a in b %}'.repeat(times), MOST_NESTED],
  conditions: [(times) => around('{%- if a -%}', 'a', '{% endif %}', times), MOST_NESTED],
  'set blocks': [(times) => around('{% set a %}', 'a', '{% endset %}', times), MOST_NESTED],
  branches: [(times) => `{% if a %}${'{% elif a %}'.repeat(times)}{% endif %}`, MOST_CHAINED],
  sums: [(times) => `{{ 1${' + 1'.repeat(times)} }}`, MOST_CHAINED],
  negations: [(times) => `{{ ${'not '.repeat(times)}a }}`, MOST_CHAINED],
  filters: [(times) => `{{ a${'|trim'.repeat(times)} }}`, MOST_CHAINED],
  attributes: [(times) => `{{ a${'.a'.repeat(times)} }}`, MOST_CHAINED],
};

test.each(Object.entries(SHAPES))('%s are taken up to the limit, and refused beyond', (_what, [write, most]) => {
  expect(findTemplateFault(write(most))).toBeUndefined();
  expect(findTemplateFault(write(most + 1))).toContain(`${most}`);
});

test.each([
  ['plain text', '(((('.repeat(1000)],
  ['a comment', `{# ${'('.repeat(1000)} #}a`],
  ['a comment without an end', `{# ${'('.repeat(1000)}`],
  ['texts in quotes', `{{ "${'('.repeat(1000)}\\"(" ~ '${'[+'.repeat(1000)}' }}`],
  ['one tag after the other', '{{ (a) }}{% if a %}{% endif %}{% set a = 1 %}'.repeat(1000)],
  ['what nothing opens', `{{ ${')'.repeat(1000)} }}{% endif %}{% elif %}`],
])('%s has no levels', (_what, text) => {
  expect(findTemplateFault(text)).toBeUndefined();
});

test('an option is refused in one sentence', () => {
  expect(checkTemplate('{{ a }}', 'chatTemplate')).toBe('{{ a }}');
  expect(() => checkTemplate(SHAPES['loops']![0](200), 'chatTemplate')).toThrow(
    'Expected `chatTemplate` to be a chat template that engines can parse, but its statements are nested deeper than 128.',
  );
});
