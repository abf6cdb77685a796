import { describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../../src/addon/nexa-binding.ts';
import { refuseLoadOptions, refuseTextOptions } from '../../../src/sdk/nexa/library-options.ts';
import { readLoadOptions } from '../../../src/sdk/read-sdk-options.ts';
import type { RuntimeLoad } from '../../../src/sdk/runtime.ts';

const request = (asked: Partial<RuntimeLoad>): RuntimeLoad => ({
  ...readLoadOptions({}),
  modelPath: '/m.gguf',
  ...asked,
});
const NEWER = LAYOUTS.filter((layout) => layout !== 'nexa-1.0');
const SAMPLING = {
  temperature: 0.5,
  topK: 3,
  topP: 0.5,
  minP: 0.5,
  repetitionPenalty: 1.1,
  presencePenalty: 1,
  frequencyPenalty: 1,
  grammar: 'root ::= "a"',
  seed: 0,
};

test.each(LAYOUTS)('the defaults, which nobody asked for, are taken (%s)', (layout) => {
  for (const hasProjector of [false, true]) {
    refuseLoadOptions({ layout, hasProjector }, request({}));
    refuseTextOptions({ layout, hasProjector }, { prompt: 'x', audioPaths: [], maxTokens: 1, stop: ['a'] });
    refuseTextOptions({ layout, hasProjector }, { ...SAMPLING_NOT_GIVEN, thinking: undefined, tools: '[{}]' });
  }
});

const SAMPLING_NOT_GIVEN = Object.fromEntries(Object.keys(SAMPLING).map((name) => [name, undefined]));

describe('a load', () => {
  test.each(LAYOUTS)('takes what a model without a projector is asked with (%s)', (layout) => {
    const asked = { threads: 3, batchSize: 99, microBatchSize: 33, chatTemplate: 'T', gpuLayers: 5, deviceId: 'CPU' };
    refuseLoadOptions({ layout, hasProjector: false }, request(asked));
  });

  test.each(LAYOUTS)('has one cache type, flash attention and way to read a file (%s)', (layout) => {
    const refuse = (asked: Partial<RuntimeLoad>) => () =>
      refuseLoadOptions({ layout, hasProjector: false }, request(asked));
    expect(refuse({ kvCacheType: 'q8_0' })).toThrow(
      "Expected `kvCacheType` to be 'f16', the only one of the SDK's library, got 'q8_0' (string).",
    );
    expect(refuse({ flashAttention: 'on' })).toThrow("Expected `flashAttention` to be 'auto', the only one of");
    expect(refuse({ mmap: false })).toThrow("Expected `mmap` to be true, the only one of the SDK's library, got false");
  });

  test.each(NEWER)('with a projector takes threads and batches, and no template (%s)', (layout) => {
    const kind = { layout, hasProjector: true };
    refuseLoadOptions(kind, request({ threads: 3, batchSize: 99, microBatchSize: 33 }));
    expect(() => refuseLoadOptions(kind, request({ chatTemplate: 'T' }))).toThrow(
      `Expected \`chatTemplate\` to be left out, since the SDK's library ignores it for a model with a projector (layout ${layout}), got 'T' (string).`,
    );
  });

  test.each([
    [{ threads: 3 }, "`threads` to be left out, since the SDK's library ignores it"],
    [{ batchSize: 4096 }, "`batchSize` to be 512, the only one of the SDK's library"],
    [{ microBatchSize: 256 }, "`microBatchSize` to be 512, the only one of the SDK's library"],
    [{ chatTemplate: 'T' }, "`chatTemplate` to be left out, since the SDK's library ignores it"],
  ])('with a projector is refused by the older generation: %j', (asked, sentence) => {
    const refuse = () => refuseLoadOptions({ layout: 'nexa-1.0', hasProjector: true }, request(asked));
    expect(refuse).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(refuse).toThrow(`Expected ${sentence} for a model with a projector (layout nexa-1.0), got`);
  });
});

describe('a text', () => {
  test.each(LAYOUTS)('of a model without a projector is drawn as it is asked for (%s)', (layout) => {
    refuseTextOptions({ layout, hasProjector: false }, { ...SAMPLING, thinking: true });
  });

  test.each(NEWER)('of a model with a projector too (%s)', (layout) => {
    refuseTextOptions({ layout, hasProjector: true }, SAMPLING);
  });

  test.each(Object.entries(SAMPLING))(
    'of a model with a projector is refused by the older generation: %s',
    (name, value) => {
      const refuse = () => refuseTextOptions({ layout: 'nexa-1.0', hasProjector: true }, { [name]: value });
      expect(refuse).toThrow(
        `Expected \`${name}\` to be left out, since the SDK's library ignores it for a model with a projector`,
      );
    },
  );

  test('can not be the likeliest one there', () => {
    expect(() => refuseTextOptions({ layout: 'nexa-1.0', hasProjector: true }, { temperature: 0 })).toThrow(
      "Expected `temperature` to be left out, since the SDK's library can't be told to take the likeliest token for a model with a projector (layout nexa-1.0), got 0 (number).",
    );
  });
});

describe('thinking with a projector', () => {
  test.each(NEWER)('is never on (%s)', (layout) => {
    const kind = { layout, hasProjector: true };
    refuseTextOptions(kind, { thinking: false });
    expect(() => refuseTextOptions(kind, { thinking: true, tools: '[{}]' })).toThrow(
      "Expected `thinking` to be left out or false, since the SDK's library never lets it be true",
    );
  });

  test.each([true, false])('is heeded by the older generation beside tools only (%j)', (thinking) => {
    const kind = { layout: 'nexa-1.0', hasProjector: true } as const;
    refuseTextOptions(kind, { thinking, tools: '[{}]' });
    expect(() => refuseTextOptions(kind, { thinking })).toThrow(
      "Expected `thinking` to be left out, since the SDK's library heeds it only beside `tools`",
    );
  });
});
