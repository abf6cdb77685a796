import { expect, it } from 'vitest';
import { LedgerFailure, LedgerMoved, ledgerError, NoLedgerHere } from '../../src/ledger/ledger-failure.ts';

it.each<[string, unknown, string]>([
  ['what is wrong with it', new LedgerFailure('Expected a, found b.'), 'Expected a, found b'],
  ['why there is none', new NoLedgerHere('there can be none'), 'there can be none'],
  ['what the system says', Object.assign(new Error('EIO: i/o error, read')), 'Error: EIO: i/o error, read'],
  ['whatever was thrown', 'text', "'text' (string)"],
])('a ledger that can’t be used is told with %s, in one sentence that says what to do', (_, cause, reason) => {
  const error = ledgerError('/place', cause);
  expect(error).toMatchObject({ code: 'ERR_LEDGER', name: 'MemoryGuardError', cause });
  expect(error.message).toBe(
    `Expected to know what other processes hold, found that the ledger in /place can't be used (${reason}): mend that, or set \`onLedgerFailure: 'alone'\` to count this process alone.`,
  );
});

it('all reasons of a ledger are failures of it, each known by its class', () => {
  for (const made of [new NoLedgerHere('a'), new LedgerMoved()]) {
    expect(made).toBeInstanceOf(LedgerFailure);
    expect(made).toMatchObject({ name: 'LedgerFailure' });
  }
  expect(new NoLedgerHere('a')).not.toBeInstanceOf(LedgerMoved);
});
