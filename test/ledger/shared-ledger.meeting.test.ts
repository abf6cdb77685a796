/** Ledgers of one process that stand for several: the locks of two open files exclude each other within a process too. */
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NativeLocks } from '../../src/addon/addon.ts';
import { loadAddon } from '../../src/addon/load-addon.ts';
import { MiB } from '../../src/core/bytes.ts';
import type { Holdings } from '../../src/ledger/ledger-record.ts';
import { type OwnProcess, readPidNamespace, SharedLedger } from '../../src/ledger/shared-ledger.ts';
import { readPeerAnonymousBytes } from '../../src/sensors/process-memory.ts';

const locks = loadAddon()?.locks as NativeLocks;
if (!locks) console.log('skipped: ledgers that meet, since the addon has no locks here');

let directory: string;
const told: unknown[] = [];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'nexa-meeting-')), 'ledger');
  told.length = 0;
});
afterEach(() => {
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

const NOBODY = 2 ** 22 + 1; // above every process number that Linux gives

/** What the real process takes, unless a test says what it had when it wrote. */
const memory = (ownBytes?: number) => ({ readOwnBytes: () => ownBytes, readPeerBytes: readPeerAnonymousBytes });

function member(changed: Partial<OwnProcess> = {}, own: NativeLocks = locks): SharedLedger {
  const whole = { uid: process.getuid?.() ?? 0, pid: NOBODY, pidNamespace: readPidNamespace(), memory: memory() };
  const ledger = new SharedLedger(directory, own, { ...whole, ...changed }, (error) => told.push(error));
  onTestFinished(() => ledger.close());
  return ledger;
}

const holdings = (more: Partial<Holdings> = {}): Holdings => ({
  files: [],
  promisedMappedBytes: 0,
  promisedAnonymousBytes: 0,
  loadingAnonymousBytes: 0,
  waiting: [],
  entries: [],
  ...more,
});

/** Publishes as a decision does: inside the section. */
const hold = (ledger: SharedLedger, more: Partial<Holdings>, scopes = ['host']) =>
  ledger.inSection(() => ledger.publish(scopes, holdings(more)));

describe.runIf(locks)('ledgers that meet in a directory', () => {
  it('still count what they knew of the others when the directory can’t be listed any more, and say so', async () => {
    const [first, second] = [member(), member({ pid: NOBODY + 1 })];
    await hold(first, { promisedAnonymousBytes: 7 });
    const before = second.peers();
    expect(before).toMatchObject([{ promisedAnonymousBytes: 7 }]);
    renameSync(directory, `${directory}-moved`); // its files are still there, and open
    expect(second.peers()).toEqual(before);
    expect(told).toEqual([expect.objectContaining({ code: 'ENOENT', path: directory })]);
  });

  it('tell each other what they hold, and forget who left', async () => {
    const [first, second] = [member(), member({ pid: NOBODY + 1 })];
    await hold(first, { promisedAnonymousBytes: 7, files: [{ key: 'fe:00 1', bytes: 5 }] });
    expect(second.peers()).toEqual([
      {
        ownProcess: false,
        scopes: ['host'],
        files: [{ key: 'fe:00 1', bytes: 5 }],
        promisedMappedBytes: 0,
        promisedAnonymousBytes: 7,
        loadingAnonymousBytes: 0,
        waiting: [],
        waitingCount: 0,
      },
    ]);
    first.close();
    expect(second.peers()).toEqual([]);
    expect(told).toEqual([]);
  });

  it('show the holdings of all, their own first, with the time of day that they were given', async () => {
    const [first, second] = [member(), member()];
    const entry = { pid: 1, label: 'a', state: 'loaded', mappedBytes: 1, anonymousBytes: 2, atMs: Date.now() } as const;
    await hold(first, { entries: [entry] });
    await hold(second, { entries: [{ ...entry, label: 'b' }] });
    const shown = second.entries();
    expect(shown.map(({ label }) => label)).toEqual(['b', 'a']);
    expect(shown.map(({ atMs }) => atMs)).toEqual([entry.atMs, entry.atMs]);
  });

  it('take off what a running load has taken since, and nothing if its process can’t be looked at', async () => {
    const reader = member();
    const loading = { promisedAnonymousBytes: 64 * MiB, loadingAnonymousBytes: 64 * MiB };
    // This very process stands for a peer, which had nothing when it wrote and has all its memory now.
    const grown = member({ pid: process.pid, memory: memory(0) });
    await hold(grown, loading);
    const [peer] = reader.peers();
    expect(peer?.promisedAnonymousBytes).toBeLessThan(64 * MiB);
    grown.close();
    const gone = member({ pid: NOBODY + 1, memory: memory(0) });
    await hold(gone, loading);
    expect(reader.peers()[0]?.promisedAnonymousBytes).toBe(64 * MiB);
    gone.close();
    const elsewhere = member({ pid: process.pid, pidNamespace: 'pid:[1]', memory: memory(0) });
    await hold(elsewhere, loading);
    expect(reader.peers()[0]).toMatchObject({ ownProcess: false, promisedAnonymousBytes: 64 * MiB });
  });

  it('tell long records whole', async () => {
    const [first, second] = [member(), member()];
    const files = Array.from({ length: 2000 }, (_, index) => ({ key: `fe:00 ${index}`, bytes: index }));
    await hold(first, { files });
    expect(second.peers()[0]?.files).toEqual(files);
    await hold(first, {});
    expect(second.peers()[0]?.files).toEqual([]); // a shorter record over a longer one
  });

  it('decide one after the other, and wait for each other between turns', async () => {
    const [first, second] = [member(), member()];
    await first.inSection(() => {});
    await second.inSection(() => {});
    const order: string[] = [];
    const blocked = openSync(join(directory, 'lock'), 'r+');
    expect(locks.tryLock(blocked)).toBe(1);
    const both = Promise.all([first.inSection(() => order.push('a')), second.inSection(() => order.push('b'))]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(order).toEqual([]);
    closeSync(blocked);
    await both;
    expect(order.toSorted()).toEqual(['a', 'b']);
  });

  it('can be given up while they wait, and say who stands in the way in the end', async () => {
    const waiting = member();
    await waiting.inSection(() => {});
    const blocked = openSync(join(directory, 'lock'), 'r+');
    onTestFinished(() => closeSync(blocked));
    expect(locks.tryLock(blocked)).toBe(1);
    const reason = new Error('enough');
    await expect(waiting.inSection(() => {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    const late = new AbortController();
    const given = waiting.inSection(() => {}, late.signal);
    setTimeout(() => late.abort(reason), 20);
    await expect(given).rejects.toBe(reason);
    writeFileSync(join(directory, 'lock'), '1234\n');
    const stuck = await waiting.inSection(() => {}).catch((error: unknown) => error);
    expect(stuck).toMatchObject({ code: 'ERR_ADMISSION_TIMEOUT' });
    expect((stuck as Error).message).toContain('locked by process 1234, which may be stopped');
    writeFileSync(join(directory, 'lock'), '');
    await expect(waiting.inSection(() => {})).rejects.toThrow('locked by another process');
  });

  it('pass a step’s own error on and are free afterwards', async () => {
    const ledger = member();
    const error = new Error('the step');
    await expect(
      ledger.inSection(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await ledger.inSection(() => 5)).toBe(5);
  });

  it('go on alone if locking fails, and say so', async () => {
    let calls = 0;
    // Its own file can be locked, the section's can't.
    const broken = member({}, { ...locks, tryLock: (file) => (++calls === 1 ? locks.tryLock(file) : -9) });
    expect(await broken.inSection(() => 'done')).toBe('done');
    expect(String(told.at(-1))).toContain('lock could not be locked (errno 9)');
  });

  it('leave files alone that they don’t know, and say once what is wrong with a damaged one', async () => {
    const ledger = member();
    await hold(ledger, {});
    const strange = openSync(join(directory, '1-aaaaaaaaaaaa'), 'w+', 0o600);
    onTestFinished(() => closeSync(strange));
    locks.tryLock(strange);
    writeFileSync(strange, 'half a rec');
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    expect(ledger.peers()).toEqual([]);
    expect(String(told[0])).toContain("can't be understood");
    expect(readdirSync(directory)).toContain('notes.txt');
  });

  it('count a member that can’t be opened any more with what it said last', async () => {
    const [ledger, other] = [member(), member({ pid: 1 })];
    await hold(ledger, {});
    await hold(other, { promisedAnonymousBytes: 7 * MiB });
    expect(ledger.peers()).toMatchObject([{ promisedAnonymousBytes: 7 * MiB }]);
    const asking = vi.spyOn(locks, 'ask').mockImplementation(() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    expect(ledger.peers()).toMatchObject([{ promisedAnonymousBytes: 7 * MiB }]);
    asking.mockRestore();
    other.close();
    expect(ledger.peers()).toEqual([]);
  });

  it('take away the files of those who ended without a word, but no file that may be about to be locked', async () => {
    const ledger = member();
    await hold(ledger, {});
    writeFileSync(join(directory, '1-bbbbbbbbbbbb'), '');
    await ledger.inSection(() => {});
    expect(readdirSync(directory)).toContain('1-bbbbbbbbbbbb');
    // So it is whatever the time of day does in between, as long as it is young or old by it.
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
    onTestFinished(() => void vi.restoreAllMocks());
    await ledger.inSection(() => {});
    expect(readdirSync(directory)).not.toContain('1-bbbbbbbbbbbb');
  });

  it('make themselves known again if their files were taken away', async () => {
    const [first, second] = [member(), member()];
    await hold(first, { promisedAnonymousBytes: 7 });
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    await first.inSection(() => {});
    expect(second.peers()[0]?.promisedAnonymousBytes).toBe(7);
  });

  it('tell of a directory that is open to others, and of one that can’t be made', async () => {
    const ledger = member();
    await hold(ledger, {});
    ledger.close();
    chmodSync(directory, 0o755);
    expect(await member().inSection(() => 'alone')).toBe('alone');
    expect(String(told.at(-1))).toContain('is open to others (mode 755)');
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'a file');
    expect(member().peers()).toEqual([]);
    expect(String(told.at(-1))).toContain('is no directory');
  });

  it('keep what a newer version tells beyond what they know', async () => {
    const [newer, older] = [member(), member()];
    await hold(newer, { promisedAnonymousBytes: 7, gpuBytes: 5 } as Partial<Holdings>);
    expect(older.peers()[0]).toMatchObject({ promisedAnonymousBytes: 7 });
    const name = readdirSync(directory).find((each) => each !== 'lock' && readFileSync(join(directory, each), 'utf8'));
    expect(readFileSync(join(directory, name as string), 'utf8')).toContain('"gpuBytes":5');
  });
});

describe('the name of the process namespace', () => {
  it.runIf(process.platform === 'linux')('is the kernel’s own', () => {
    expect(readPidNamespace()).toBe(readlinkSync('/proc/self/ns/pid'));
  });

  it('is the system’s name if the system has no namespaces', () => {
    expect(readPidNamespace('darwin')).toBe('darwin');
  });
});
