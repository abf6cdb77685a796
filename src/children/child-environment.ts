/** The environment of a model's process: what engines need, and nothing that is the program's own. */
import { listOwnVariables } from '../core/library-variables.ts';

/** What tells Node how to run, leads to the program's own channel, or is a secret. */
const WITHHELD =
  /^NODE_OPTIONS$|^NODE_CHANNEL_|^NODE_UNIQUE_ID$|^NODE_V8_COVERAGE$|TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|KEYS?(_|$)/i;

/** A copy of `environment` without what such a process must not have, and without what libraries of this process set there for themselves. */
export function listChildEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(listOwnVariables(environment)).filter(([name]) => !WITHHELD.test(name)));
}
