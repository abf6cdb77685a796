import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';

const locks = loadAddon()?.locks as NativeLocks;
const MEMORY = { readOwnBytes: () => undefined, readPeerBytes: () => undefined };
const need = { mappedBytes: 0, anonymousBytes: 7, basis: 'given' } as const;

function place(): { directory: string } {
  const directory = join(mkdtempSync(join(tmpdir(), 'nexa-open-')), 'ledger');
  onTestFinished(() => rmSync(join(directory, '..'), { recursive: true, force: true }));
  return { directory };
}

const open = (option: Parameters<typeof openLedger>[0], told: unknown[] = [], own: NativeLocks | undefined = locks) =>
  openLedger(option, MEMORY, (error) => told.push(error), own);

describe('the ledger of this thread', () => {
  it.runIf(locks)('is one for all guards that name the same place, until the last of them closes', async () => {
    const option = place();
    const [one, other, elsewhere] = [open(option), open(option), open(place())];
    expect(one.ledger).toBe(other.ledger);
    expect(one.ledger).not.toBe(elsewhere.ledger);
    await one.shared?.inSection(() => {});
    const files = () => readdirSync(option.directory).filter((name) => name !== 'lock');
    expect(files()).toHaveLength(1);
    one.close();
    one.close();
    expect(files()).toHaveLength(1);
    other.close();
    expect(files()).toHaveLength(0);
    for (const each of [elsewhere]) each.close();
  });

  it.runIf(locks)('goes on being told of while something is held in it', async () => {
    const option = place();
    const { ledger, shared, close } = open(option);
    await shared?.inSection(() => {});
    const reservation = ledger.reserve('m', need, { clockMs: 0, epochMs: 0 });
    close();
    expect(readdirSync(option.directory)).toHaveLength(2);
    const again = open(option);
    expect(again.ledger).toBe(ledger);
    ledger.release(reservation);
    again.close();
    expect(readdirSync(option.directory)).toEqual(['lock']);
  });

  it('says that others are not seen if there are no locks, and is shared by none', () => {
    const told: unknown[] = [];
    const alone = openLedger(place(), MEMORY, (error) => told.push(error), null as never);
    expect(alone.shared).toBeUndefined();
    expect(told).toMatchObject([{ code: 'ERR_SENSOR', message: expect.stringContaining('are not seen') }]);
    alone.close();
  });

  it('of the process alone says nothing', () => {
    const told: unknown[] = [];
    const { shared, close } = open('process', told);
    expect([shared, told]).toEqual([undefined, []]);
    close();
  });

  it.runIf(locks)('hands every guard what goes wrong at their common place', async () => {
    const option = { directory: '/proc/nexa-memory-guard' };
    const told: unknown[][] = [[], []];
    const [one, other] = told.map((each) => open(option, each));
    await one?.shared?.inSection(() => {});
    expect(told.map((each) => each.length)).toEqual([1, 1]);
    one?.close();
    other?.close();
  });
});
