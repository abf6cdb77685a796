/** The package by `require`, and whether `import` gives the same one. Told as one line of JSON. */
const guard = require('nexa-memory-guard');
const { guardMetrics } = require('nexa-memory-guard/metrics');

async function compare() {
  const imported = await import('nexa-memory-guard');
  const nexa = guard.withMemoryGuard({ loadModel() {} });
  /** @param {() => unknown} call */
  const codeOf = (call) => {
    try {
      call();
      return undefined;
    } catch (error) {
      return error instanceof imported.MemoryGuardError && error.code;
    }
  };
  console.log(
    JSON.stringify({
      names: Object.keys(guard).sort(),
      same: Object.keys(guard).every((name) => Reflect.get(guard, name) === Reflect.get(imported, name)),
      // Thrown by one, told apart by the class of the other; and what one has guarded the other knows.
      error: codeOf(() => guard.readMemory({ root: 'relative' })),
      twice: codeOf(() => imported.withMemoryGuard(nexa)),
      metrics: codeOf(() => guardMetrics(nexa.guard, /** @type {never} */ ({}))),
    }),
  );
  nexa.guard.close();
}

void compare();
