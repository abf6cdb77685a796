import { describe, expect, test } from 'vitest';
import { chooseFiles, findModelFolder, groupModels, readStepFolder } from '../../src/model-files/group-models.ts';
import type { FoundFile } from '../../src/model-files/model-folders.ts';
import { readModelName } from '../../src/model-files/model-name.ts';

const file = (path: string, declared = false): FoundFile => ({
  ...readModelName(path)!,
  path,
  ...(declared && { declared }),
});

const grouped = (...paths: string[]) =>
  groupModels(paths.map((path) => file(path))).map((group) => group.map(({ path }) => path));

describe('the models among files', () => {
  test('differ in more than the quantization', () => {
    expect(grouped('/r/m-8b-Q4_0.gguf', '/r/m-0.6b-Q4_0.gguf', '/r/m-8b-Q8_0.gguf')).toEqual([
      ['/r/m-8b-Q4_0.gguf', '/r/m-8b-Q8_0.gguf'],
      ['/r/m-0.6b-Q4_0.gguf'],
    ]);
  });

  test('are told apart by their folder, unless that is named by a quantization', () => {
    expect(grouped('/a/Q4_0.gguf', '/a/Q8_0.gguf', '/b/Q4_0.gguf')).toEqual([
      ['/a/Q4_0.gguf', '/a/Q8_0.gguf'],
      ['/b/Q4_0.gguf'],
    ]);
    expect(grouped('/r/BF16/m-BF16.gguf', '/r/m-Q4_0.gguf')).toHaveLength(1);
  });

  test('come in the order of their folders, in one folder the shortest name first', () => {
    expect(grouped('/b/draft-m-Q4_0.gguf', '/b/m-Q8_0.gguf', '/a/m-Q4_0.gguf').map(([first]) => first)).toEqual([
      '/b/m-Q8_0.gguf',
      '/b/draft-m-Q4_0.gguf',
      '/a/m-Q4_0.gguf',
    ]);
  });

  test('hold no projector and nothing without a quantization', () => {
    expect(grouped('/r/mmproj-m-F16.gguf', '/r/m.gguf')).toEqual([]);
  });

  test('are one if a manifest says so', () => {
    expect(groupModels([file('/r/x-Q4_0.gguf', true), file('/r/y-Q8_0.gguf', true)])).toHaveLength(1);
  });
});

describe('the folder of a model', () => {
  test('is above one that is named by the quantization of the file', () => {
    expect(findModelFolder(file('/r/BF16/m-BF16.gguf'))).toBe('/r');
    expect(findModelFolder(file('/r/m-Q8_0/m-Q8_0.gguf'))).toBe('/r');
    expect(findModelFolder(file('/r/BF16/m-Q8_0.gguf'))).toBe('/r/BF16');
    expect(findModelFolder(file('/r/m/m-Q8_0.gguf'))).toBe('/r/m');
    expect(findModelFolder(file('/r/BF16/m.gguf'))).toBe('/r/BF16');
  });

  test('is named by a step alone or after the model', () => {
    const model = { pattern: 'm-*.gguf' };
    expect(readStepFolder('UD-IQ2_XXS', model)).toBe('IQ2_XXS');
    expect(readStepFolder('M-Q8_0', model)).toBe('Q8_0');
    expect(readStepFolder('n-Q8_0', model)).toBeUndefined();
    expect(readStepFolder('MTP', model)).toBeUndefined();
  });
});

describe('the file of each step', () => {
  const group = ['/m-Q4_K_L.gguf', '/m-UD-Q4_K_XL.gguf', '/m-Q4_K_M.gguf', '/m-UD-Q2_K_XL.gguf', '/m-Q2_K_L.gguf'].map(
    (path) => file(path),
  );
  const chosen = (quantization?: string) =>
    [...chooseFiles(group, quantization === undefined ? undefined : { quantization })].map(([step, { path }]) => [
      step,
      path,
    ]);

  test('is the one that names the type itself, best step first', () => {
    expect(chosen()).toEqual([
      ['Q4_K_M', '/m-Q4_K_M.gguf'],
      ['Q2_K', '/m-Q2_K_L.gguf'],
    ]);
  });

  test('is what was asked for, and then what was made like it', () => {
    expect(chosen('UD-Q4_K_XL')).toEqual([
      ['Q4_K_M', '/m-UD-Q4_K_XL.gguf'],
      ['Q2_K', '/m-UD-Q2_K_XL.gguf'],
    ]);
    expect(chosen('Q4_K_L')[0]).toEqual(['Q4_K_M', '/m-Q4_K_L.gguf']);
  });
});
