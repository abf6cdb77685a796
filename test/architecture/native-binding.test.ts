/** Holds how the addon speaks N-API: no value is converted, and no status is dropped. It reads the sources of native/binding. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../native/binding/', import.meta.url));
const sources = readdirSync(FOLDER).map((name) => [name, readFileSync(`${FOLDER}${name}`, 'utf8')] as const);

/** Runs code of the program, and fails without a trace while an environment is being terminated. */
const CONVERSION = /napi_coerce_\w+|\.To(?:Number|String|Boolean|Object)\(/;
/** A wrapper that ends the process if it meets a value that could not be made. */
const WRAPPER = /\bNapi::|\bnapi\.h\b/;
/** A call whose status nobody looks at. A call that may be dropped says so by `(void)`. */
const DROPPED = /(?<=[;{}]\s*|^\s*(?:if|for) \(.*\) )napi_[a-z0-9_]+\(/m;

function findBreaches(pattern: RegExp): string[] {
  return sources
    .filter(([, source]) => pattern.test(source))
    .map(([name, source]) => `${name}: ${pattern.exec(source)?.[0]}`);
}

describe('the binding of the addon', () => {
  it('is read, and breaches are found', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(CONVERSION.test('info[0].ToNumber()')).toBe(true);
    expect(WRAPPER.test('Napi::Value value;')).toBe(true);
    expect(DROPPED.test('{\n  napi_create_object(env, &object);')).toBe(true);
    expect(DROPPED.test('  if (object != nullptr) napi_create_object(env, &object);')).toBe(true);
    expect(DROPPED.test('if (napi_create_object(env, &object) != napi_ok) return;')).toBe(false);
    expect(DROPPED.test('{ (void)napi_create_object(env, &object);')).toBe(false);
  });

  it('converts no value', () => {
    expect(findBreaches(CONVERSION)).toEqual([]);
  });

  it('calls the C interface alone', () => {
    expect(findBreaches(WRAPPER)).toEqual([]);
  });

  it('looks at every status', () => {
    expect(findBreaches(DROPPED)).toEqual([]);
  });
});
