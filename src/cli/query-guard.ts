/** A guard that looks and loads nothing, for commands that only ask. It knows no SDK. */
import { resolve } from 'node:path';
import { type Guarded, type GuardOptions, withMemoryGuard } from '../index.ts';
import type { Given, OptionSpec } from './arguments.ts';

/** In place of an SDK. */
export const NO_SDK = {
  loadModel: (_name: string, _options?: object): Promise<never> => Promise.reject(new Error('nothing is loaded here')),
};

/** The option of every command: whose models count. */
export const LEDGER: Readonly<Record<'ledger', OptionSpec>> = {
  ledger: {
    type: 'string',
    value: 'folder',
    help: 'where processes meet that count each other; else all of this user',
  },
};

export function ledgerIn(given: Given): Pick<GuardOptions, 'ledger'> {
  const directory = given.text('ledger');
  return directory === undefined ? {} : { ledger: { directory: resolve(directory) } };
}

/** Its `guard` is to be closed. */
export function machineGuard(options: GuardOptions): Guarded<typeof NO_SDK> {
  return withMemoryGuard({ ...NO_SDK }, options);
}
