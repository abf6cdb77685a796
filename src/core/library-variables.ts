/** What libraries set in the environment of this process for themselves, so that no other process takes it for the user's. It starts none. */

interface SetVariable {
  readonly value: string | undefined;
  /** What the program had there. */
  readonly own: string | undefined;
}

const set = new Map<string, SetVariable>();

/** Notes these variables before a library may set them. What is returned is called after that. */
export function watchVariables(names: readonly string[], environment: NodeJS.ProcessEnv = process.env): () => void {
  const before = names.map((name) => ({ name, own: readOwn(name, environment), was: environment[name] }));
  return () => {
    for (const { name, own, was } of before) {
      const value = environment[name];
      if (value !== was) set.set(name, { value, own });
    }
  };
}

/** A copy of the environment as it is without them. What the program has set since then stays. */
export function listOwnVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = { ...environment };
  for (const name of set.keys()) {
    const value = readOwn(name, environment);
    if (value === undefined) delete own[name];
    else own[name] = value;
  }
  return own;
}

function readOwn(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const found = set.get(name);
  return found && found.value === environment[name] ? found.own : environment[name];
}
