/** `node --import`: suites that import vitest get the stand-in beside this file. */
import module from 'node:module';

// Node 22.15; the types are of an older one.
/** @type {any} */ (module).registerHooks({
  resolve(/** @type {string} */ specifier, /** @type {unknown} */ context, /** @type {Function} */ next) {
    if (specifier === 'vitest') return { url: new URL('vitest.mjs', import.meta.url).href, shortCircuit: true };
    return next(specifier, context);
  },
});
