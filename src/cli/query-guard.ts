/** A guard that reads and loads nothing, for commands that only ask. It knows no SDK. */
import { resolve } from 'node:path';
import { invalidOption } from '../core/errors.ts';
import { flag, path } from '../core/validate.ts';
import { type Guarded, type GuardOptions, withMemoryGuard } from '../index.ts';
import type { OptionSpecs } from './command.ts';

/** Stands in the SDK's place. */
const NO_SDK = {
  loadModel: (_name: string, _options?: object): Promise<never> => Promise.reject(new Error('nothing is loaded here')),
};

/** The options of every command that say whose models count, and what stays on disk. The value of `ledger` is an absolute path. */
export const LEDGER_OPTION = {
  ledger: {
    value: 'folder',
    fills: ['ledger', 'ledger.directory'],
    check: (typed: unknown, name: string): string => resolve(path(typed, name)),
    help: 'where processes meet that count each other; else all of this user',
  },
  'write-nothing': {
    check: flag,
    fills: ["ledger: 'process'"],
    help: 'count this process alone and keep nothing on disk',
  },
} satisfies OptionSpecs;

/**
 * The guard's options for these, and nothing if none was given.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION` for both: a ledger is a file.
 */
export function selectLedger(given: {
  readonly ledger?: string;
  readonly 'write-nothing'?: boolean;
}): Pick<GuardOptions, 'ledger' | 'calibration' | 'askEngine'> {
  const { ledger, 'write-nothing': writeNothing } = given;
  if (writeNothing && ledger !== undefined) throw invalidOption('--ledger', 'absent with `--write-nothing`', ledger);
  if (writeNothing) return { ledger: 'process', calibration: 'off', askEngine: false };
  return ledger === undefined ? {} : { ledger: { directory: ledger } };
}

/** The caller closes its `guard`. Where others can't be seen it answers for this process alone, and tells that. */
export function openQueryGuard(options: GuardOptions): Guarded<typeof NO_SDK> {
  return withMemoryGuard({ ...NO_SDK }, { onLedgerFailure: 'alone', ...options });
}
