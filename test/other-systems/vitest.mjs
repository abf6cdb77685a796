/**
 * vitest's words on Node's own test runner, for nodes that vitest can't be installed for: emulated ones. The matchers are vitest's
 * own; of its fake clock there is what the suites under test/sensors need.
 */
import { after, afterEach, before, beforeEach, describe as nodeDescribe, it as nodeIt } from 'node:test';
import { inspect } from 'node:util';
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import { fn, restoreAllMocks, spyOn } from '@vitest/spy';
import * as chai from 'chai';

export { after as afterAll, afterEach, before as beforeAll, beforeEach };

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

/** @type {any} */
export const expect = Object.assign((/** @type {unknown} */ value, /** @type {string=} */ message) => {
  return chai.expect(value, message);
}, chai.expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true });
Object.assign(expect, /** @type {any} */ (globalThis)[ASYMMETRIC_MATCHERS_OBJECT]);
setState({ assertionCalls: 0, isExpectingAssertions: false }, expect);
/** @type {any} */ (chai.expect).extend(expect, customMatchers);

/** @type {(() => unknown)[]} */
let finished = [];
export const onTestFinished = (/** @type {() => unknown} */ then) => void finished.push(then);

/** @param {(...values: any[]) => unknown} body @param {any[]} values */
async function run(body, values) {
  finished = [];
  try {
    await body(...values);
  } finally {
    for (const then of finished.splice(0).reverse()) await then();
  }
}

/** `%s` and the like in order, `$name` by key. @param {string} title @param {any[]} values */
function titled(title, values) {
  let at = 0;
  const filled = title.replace(/%[sdjf]/g, () =>
    typeof values[at] === 'string' ? values[at++] : inspect(values[at++]),
  );
  return filled.replace(/\$(\w+)/g, (_, key) => inspect(values[0]?.[key]));
}

/** Node's `describe` and `it` with vitest's additions. @param {any} define @param {(body: any, values: any[]) => any} wrap */
function words(define, wrap) {
  const plain = (/** @type {string} */ name, /** @type {any[]} */ ...rest) => {
    const [options, body] = typeof rest[0] === 'object' ? rest : [{}, rest[0]];
    return define(name, options, wrap(body, []));
  };
  const skipped = (/** @type {string} */ name) => define(name, { skip: true }, () => {});
  const each =
    (/** @type {any[]} */ rows) =>
    (/** @type {string} */ title, /** @type {any[]} */ ...rest) => {
      const [options, body] = typeof rest[0] === 'object' ? rest : [{}, rest[0]];
      for (const row of rows) {
        const values = Array.isArray(row) ? row : [row];
        define(titled(title, values), options, wrap(body, values));
      }
    };
  const skippedEach = (/** @type {any[]} */ rows) => (/** @type {string} */ title) => {
    for (const row of rows) skipped(titled(title, [row].flat()));
  };
  const either = (/** @type {unknown} */ skip) =>
    Object.assign(skip ? skipped : plain, { each: skip ? skippedEach : each });
  return Object.assign(plain, { each, skipIf: either, runIf: (/** @type {unknown} */ run) => either(!run) });
}

export const describe = words(nodeDescribe, (body, values) => () => body(...values));
export const it = words(nodeIt, (body, values) => () => run(body, values));

const realNow = performance.now.bind(performance);
let fakeNowMs = 0;

export const vi = {
  fn,
  spyOn,
  restoreAllMocks,
  useFakeTimers(/** @type {{ toFake: string[] }} */ { toFake }) {
    if (toFake.join() !== 'performance') throw new Error(`only performance can be faked here, not ${toFake}`);
    // Whole milliseconds: with fractions, 999 and 1 more may be less than 1000.
    fakeNowMs = Math.floor(realNow());
    performance.now = () => fakeNowMs;
  },
  advanceTimersByTime(/** @type {number} */ ms) {
    fakeNowMs += ms;
  },
  useRealTimers() {
    performance.now = realNow;
  },
};
