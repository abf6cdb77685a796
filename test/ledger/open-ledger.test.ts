import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { FILE_NAME } from '../../src/ledger/ledger-file.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { countDescriptors, locks, makePlace, openLedgerFile } from '../support/ledger-places.ts';

const need = { mappedBytes: 0, anonymousBytes: 7, basis: 'given' } as const;

type Option = Parameters<typeof openLedger>[0];

function open(option: Option, told: unknown[] = [], own: NativeLocks | undefined = locks, missing?: string) {
  return openLedger(option, (error) => void told.push(error), missing === undefined ? 'refuse' : 'alone', own, missing);
}

/** How many have told something in the ledger of this directory. */
function countTold(directory: string): number {
  const file = openLedgerFile(join(directory, FILE_NAME));
  const { length } = file.listUsed();
  file.close();
  return length;
}

const tell = ({ ledger, shared }: ReturnType<typeof openLedger>) =>
  shared?.inSection(
    () => {},
    () => shared.publish(['host'], ledger.describeHoldings(0)),
  );

describe('the ledger of this thread', () => {
  it.runIf(locks)('is one for all guards that name the same place, until the last of them closes', async () => {
    const directory = makePlace();
    const before = countDescriptors();
    const [one, other, elsewhere] = [open({ directory }), open({ directory }), open({ directory: makePlace() })];
    expect(one.ledger).toBe(other.ledger);
    expect(one.shared).toBe(other.shared);
    expect(one.ledger).not.toBe(elsewhere.ledger);
    await tell(one);
    expect(countTold(directory)).toBe(1);
    one.close();
    one.close();
    expect(countTold(directory)).toBe(1);
    other.close();
    expect(countTold(directory)).toBe(0);
    elsewhere.close();
    expect(countDescriptors()).toBe(before);
  });

  it.runIf(locks)('goes on being told of while something is held in it, and has nothing open afterwards', async () => {
    const directory = makePlace();
    const before = countDescriptors();
    const first = open({ directory });
    const reservation = first.ledger.reserve('m', need, { clockMs: 0, epochMs: 0 });
    await tell(first);
    first.close();
    expect(countTold(directory)).toBe(1);
    const again = open({ directory });
    expect(again.ledger).toBe(first.ledger);
    again.close();
    expect(countTold(directory)).toBe(1);
    first.ledger.release(reservation);
    first.shared?.publish(['host'], first.ledger.describeHoldings(0));
    expect(countTold(directory)).toBe(0);
    expect(countDescriptors()).toBe(before);
    const anew = open({ directory });
    expect(anew.ledger).not.toBe(first.ledger);
    anew.close();
  });

  it('says that others are not seen if there are no locks, and is shared by none', () => {
    const told: unknown[] = [];
    const alone = open({ directory: makePlace() }, told, null as never);
    expect(alone.shared).toBeUndefined();
    expect(told).toMatchObject([{ code: 'ERR_SENSOR', message: expect.stringContaining('are not seen') }]);
    alone.close();
  });

  it('is refused if there should be an addon, and says what to do, unless the process is to go on alone', () => {
    const directory = makePlace();
    const missing = 'found none at /a: mend that';
    const sentence =
      "Expected the native addon, without which other processes and their models are not seen, found none at /a: mend that, or set `ledger: 'process'` to count this process alone.";
    const refused = () => openLedger({ directory }, () => {}, 'refuse', null as never, missing);
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_LEDGER', message: sentence }));
    const told: unknown[] = [];
    const alone = open({ directory }, told, null as never, missing);
    expect(told).toMatchObject([{ code: 'ERR_LEDGER', message: sentence }]);
    alone.close();
    openLedger('process', () => {}, 'refuse', null as never, missing).close();
  });

  it('of the process alone says nothing', () => {
    const told: unknown[] = [];
    const { shared, close } = open('process', told);
    expect([shared, told]).toEqual([undefined, []]);
    close();
  });

  it.runIf(locks)('of a user is where that user’s processes meet, and nothing is opened before it is needed', () => {
    const before = countDescriptors();
    const { shared, close } = open('shared');
    expect(shared?.directory).toContain('nexa-memory-guard');
    close();
    expect(countDescriptors()).toBe(before);
  });

  it.runIf(locks)('hands every guard what goes wrong at their common place', async () => {
    const directory = '/proc/nexa-memory-guard';
    const told: unknown[][] = [[], []];
    const [one, other] = told.map((each) => open({ directory }, each));
    await expect(tell(one!)).rejects.toMatchObject({ code: 'ERR_LEDGER' });
    expect(told.map((each) => each.length)).toEqual([1, 1]);
    expect(told[0]).toEqual(told[1]);
    one?.close();
    await expect(tell(other!)).rejects.toMatchObject({ code: 'ERR_LEDGER' });
    expect(told.map((each) => each.length)).toEqual([1, 2]);
    other?.close();
  });
});
