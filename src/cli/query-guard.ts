/** A guard that reads and loads nothing, for commands that only ask. It knows no SDK. */
import { resolve } from 'node:path';
import { path } from '../core/validate.ts';
import { type Guarded, type GuardOptions, withMemoryGuard } from '../index.ts';
import type { OptionSpecs } from './command.ts';

/** Stands in the SDK's place. */
const NO_SDK = {
  loadModel: (_name: string, _options?: object): Promise<never> => Promise.reject(new Error('nothing is loaded here')),
};

/** The option of every command that says whose models count. Its value is an absolute path. */
export const LEDGER_OPTION = {
  ledger: {
    value: 'folder',
    check: (typed: unknown, name: string): string => resolve(path(typed, name)),
    help: 'where processes meet that count each other; else all of this user',
  },
} satisfies OptionSpecs;

/** The guard's option for a ledger that was named, and nothing if none was. */
export function selectLedger({ ledger }: { readonly ledger?: string }): Pick<GuardOptions, 'ledger'> {
  return ledger === undefined ? {} : { ledger: { directory: ledger } };
}

/** The caller closes its `guard`. Where others can't be seen it answers for this process alone, and tells that. */
export function openQueryGuard(options: GuardOptions): Guarded<typeof NO_SDK> {
  return withMemoryGuard({ ...NO_SDK }, { onLedgerFailure: 'alone', ...options });
}
