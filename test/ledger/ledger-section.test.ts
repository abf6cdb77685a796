/** Who decides when: on this machine's locks, in one process and between several. */
import { readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NativeLockQueue, NativeLocks } from '../../src/addon/addon.ts';
import { LedgerFailure } from '../../src/ledger/ledger-failure.ts';
import { LedgerFile, SLOTS } from '../../src/ledger/ledger-file.ts';
import { LOCK } from '../../src/ledger/ledger-members.ts';
import { LedgerSection } from '../../src/ledger/ledger-section.ts';
import { locks, makeLedgerFile, NOBODY, openLedgerFile } from '../support/ledger-places.ts';
import { LedgerProgram, PROGRAM_HEAD } from '../support/ledger-program.ts';

function openSection(path: string, slot = 0, changed: Partial<NativeLocks> = {}): LedgerSection {
  const file = openLedgerFile(path);
  const section = new LedgerSection(file, { ...locks, ...changed }, { pid: NOBODY + slot, slot });
  onTestFinished(() => section.close(new Error('the test is over')));
  return section;
}

/** Holds the section as another process does, until it gives it back. */
function hold(path: string): () => void {
  const { descriptor } = openLedgerFile(path);
  expect(locks.tryLock(descriptor, LOCK.section)).toBe(1);
  return () => expect(locks.unlock(descriptor, LOCK.section)).toBe(1);
}

/** Whether any of these locks is held. */
function isHeld(path: string, first: number, count = 1): boolean {
  const file = LedgerFile.open(path);
  const answer = locks.ask(file.descriptor, first, count);
  file.close();
  return answer === 0;
}

const readHolder = (path: string) => {
  const file = openLedgerFile(path);
  file.readIndex();
  return file.holder.pid;
};

/** Is faster than the member of a slot that begins to wait by `begin`, until that one stands in line. Gives back what frees the section. */
async function overtake(path: string, slot: number, begin: () => unknown): Promise<() => void> {
  const { descriptor } = openLedgerFile(path);
  const enter = () => {
    // No turn of the loop in between: whoever wakes up must not be faster.
    while (locks.tryLock(descriptor, LOCK.section) !== 1);
  };
  enter();
  await begin();
  while (!isHeld(path, LOCK.waits + slot)) {
    locks.unlock(descriptor, LOCK.section);
    enter();
    await turnOfLoop();
  }
  return () => locks.unlock(descriptor, LOCK.section);
}

const turnOfLoop = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A signal takes effect after it was sent, in each thread for itself. */
async function stop({ process: stopped, pid }: LedgerProgram): Promise<void> {
  stopped.kill('SIGSTOP');
  const isStopped = (task: string) => / T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'));
  await until(() => readdirSync(`/proc/${pid}/task`).every(isStopped));
}

/** A lock is handed on by a thread of its own, which takes a while. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turnOfLoop();
}

describe.runIf(locks)('the section', () => {
  it('is entered at once if it is free, with what a step gives or throws, and is free again', () => {
    const path = makeLedgerFile();
    const section = openSection(path, 3);
    expect(section.run((waited) => [waited, isHeld(path, LOCK.section), readHolder(path)], undefined)).toEqual([
      false,
      true,
      NOBODY + 3,
    ]);
    expect(isHeld(path, LOCK.section)).toBe(false);
    expect(() => {
      section.run(() => {
        throw new Error('the step');
      }, undefined);
    }).toThrow('the step');
    expect(isHeld(path, LOCK.section)).toBe(false);
  });

  it('is waited for if it is not, by each for itself, and says so', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const ran: unknown[] = [];
    const runs = [4, 2, 3].map((slot) => {
      const enter = (waited: boolean) => ran.push([slot, waited, isHeld(path, LOCK.section), readHolder(path)]);
      return openSection(path, slot).run(enter, undefined);
    });
    await turnOfLoop();
    expect(ran).toEqual([]);
    release();
    await Promise.all(runs);
    expect(ran.toSorted()).toEqual([2, 3, 4].map((slot) => [slot, true, true, NOBODY + slot]));
    expect(isHeld(path, LOCK.section)).toBe(false);
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
  });

  it('is kept for a member that was overtaken again and again, and who comes then stands behind it', async () => {
    const path = makeLedgerFile();
    const order: number[] = [];
    let first: unknown;
    const free = await overtake(path, 5, () => {
      first = openSection(path, 5).run(() => order.push(5), undefined);
    });
    const late = openSection(path, 6).run(() => order.push(6), undefined);
    expect(late).toBeInstanceOf(Promise);
    free();
    // Whoever comes at once is not let in either, although it is free.
    const last = openSection(path, 7).run(() => order.push(7), undefined);
    expect(last).toBeInstanceOf(Promise);
    await Promise.all([first, late, last]);
    expect(order[0]).toBe(5);
    expect(order.toSorted()).toEqual([5, 6, 7]);
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
    expect(readHolder(path)).toBe(NOBODY + order[2]!);
  });

  it('gives all turns of one member in their order, also those that come meanwhile', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const section = openSection(path);
    const order: number[] = [];
    const later: unknown[] = [];
    const first = section.run(() => {
      later.push(section.run(() => order.push(3), undefined));
      return order.push(1);
    }, undefined);
    const second = section.run(() => order.push(2), undefined);
    release();
    await Promise.all([first, second]);
    await Promise.all(later);
    expect(order).toEqual([1, 2, 3]);
  });

  it('is not entered at once while others wait, even if it is free', async () => {
    const path = makeLedgerFile();
    const waiter = openLedgerFile(path);
    locks.tryLock(waiter.descriptor, LOCK.waits + 77);
    const ran = openSection(path).run((waited) => waited, undefined);
    expect(ran).toBeInstanceOf(Promise);
    expect(await ran).toBe(true);
  });

  it('passes on what a step throws that waited', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const section = openSection(path);
    const ran = section.run(() => {
      throw new Error('the step');
    }, undefined);
    const next = section.run(() => 'next', undefined);
    release();
    await expect(ran).rejects.toThrow('the step');
    expect(await next).toBe('next');
    expect(isHeld(path, LOCK.section)).toBe(false);
  });

  it('is waited for no longer than a signal allows, and its place in line is given up', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const section = openSection(path, 5);
    const reason = new Error('enough');
    await expect(section.run(() => {}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(isHeld(path, LOCK.waits + 5)).toBe(false);
    const [one, other] = [new AbortController(), new AbortController()];
    const ran: string[] = [];
    const given = section.run(() => ran.push('one'), one.signal);
    const kept = section.run(() => ran.push('other'), other.signal);
    one.abort(reason);
    await expect(given).rejects.toBe(reason);
    release();
    await kept;
    other.abort(reason); // it is done already
    expect(ran).toEqual(['other']);
    const again = hold(path);
    const last = new AbortController();
    const late = section.run(() => ran.push('last'), last.signal);
    last.abort(reason);
    await expect(late).rejects.toBe(reason);
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
    again();
    // What its thread still gets is given back.
    const next = openSection(path, 6);
    expect(await next.run(() => 'free', undefined)).toBe('free');
    await until(() => !isHeld(path, LOCK.section));
    expect(ran).toEqual(['other']);
  });

  it('is refused by a failing lock, wherever it fails', async () => {
    const path = makeLedgerFile();
    const failing = openSection(path, 0, {
      tryLock: (descriptor, number) => (number === LOCK.section ? -5 : locks.tryLock(descriptor, number)),
    });
    expect(() => failing.run(() => {}, undefined)).toThrow(
      new LedgerFailure(`Expected to lock ${path}, found that it fails (errno 5).`),
    );
    hold(path);
    let told = () => {};
    class FailingQueue implements NativeLockQueue {
      constructor(_descriptor: number, _number: number, onTold: () => void) {
        told = onTold;
      }
      join(_holds: boolean): void {}
      take = () => -37;
      release(): void {}
      leave(): void {}
      close(): void {}
    }
    const queued = openSection(path, 1, { LockQueue: FailingQueue });
    const ran = [queued.run(() => {}, undefined), queued.run(() => {}, undefined)];
    told();
    for (const each of ran) await expect(each).rejects.toThrow('found that it fails (errno 37).');
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
  });

  it('is refused if its file is elsewhere by now, or was cut meanwhile', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const section = openSection(path);
    renameSync(path, `${path}-away`);
    await expect(section.run(() => {}, undefined)).rejects.toThrow('ENOENT');
    expect(isHeld(`${path}-away`, LOCK.waits, SLOTS)).toBe(false);
    renameSync(`${path}-away`, path);
    const ran = section.run(() => {}, undefined);
    truncateSync(path, 100);
    await expect(ran).rejects.toThrow('found a file that was cut: delete it.');
    release();
  });

  it('is refused to all who wait when it is closed, and stays free', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const section = openSection(path);
    const error = new Error('closed');
    const ran = [section.run(() => {}, undefined), section.run(() => {}, undefined)];
    section.close(error);
    for (const each of ran) await expect(each).rejects.toBe(error);
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
    release();
    await until(() => !isHeld(path, LOCK.section)); // its thread may have got it, and gives it back
  });

  it('may be closed by the step that is in it, whichever way it came in', async () => {
    const path = makeLedgerFile();
    const at = openLedgerFile(path);
    const once = new LedgerSection(at, locks, { pid: 1, slot: 0 });
    once.run(() => {
      once.close(new Error('closed'));
      at.close();
    }, undefined);
    const release = hold(path);
    const file = openLedgerFile(path);
    const section = new LedgerSection(file, locks, { pid: 2, slot: 1 });
    const ran = section.run(() => {
      section.close(new Error('closed'));
      file.close();
    }, undefined);
    const other = section.run(() => {}, undefined);
    release();
    await ran;
    await expect(other).rejects.toThrow('closed');
    await until(() => !isHeld(path, LOCK.section));
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
  });
});

describe.runIf(locks)('the section between processes', () => {
  it('is refused with the number of one that was stopped in it, which had entered at once', async () => {
    const path = makeLedgerFile();
    const holder = new LedgerProgram('openSection(data, 1).run(() => { say("inside"); blockForEver(); });', path);
    await holder.next();
    await stop(holder);
    await expectStuck(path, holder);
  });

  it('is refused with the number of one that was stopped in it, which had waited in line', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const body = 'openSection(data, 1).run(() => { say("inside"); blockForEver(); }); say("waits");';
    const holder = new LedgerProgram(body, path);
    await holder.next();
    release();
    expect(await holder.next()).toBe('inside');
    await stop(holder);
    await expectStuck(path, holder);
  });

  /** Those with a signal can give up before; and it is free as soon as its holder is gone. */
  async function expectStuck(path: string, holder: LedgerProgram): Promise<void> {
    const section = openSection(path, 2);
    const controller = new AbortController();
    const reason = new Error('enough');
    const given = section.run(() => {}, controller.signal);
    const stuck = section.run(() => {}, undefined);
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    await expect(stuck).rejects.toMatchObject({
      code: 'ERR_ADMISSION_TIMEOUT',
      message: `Expected the ledger ${path} to be free within 2 s, found it locked, last by process ${holder.pid}, which may be stopped: continue or end it.`,
    });
    expect(isHeld(path, LOCK.waits + 2)).toBe(false);
    await holder.kill();
    expect(await section.run(() => 'free', undefined)).toBe('free');
  }

  it.each([
    ['waited', false],
    ['stood in line', true],
  ])('passes over one that was stopped while it %s', async (_, inLine) => {
    const path = makeLedgerFile();
    const free = hold(path);
    const stopped = new LedgerProgram(
      'const ran = openSection(data, 1).run(() => say("inside")); say("waits"); await ran;',
      path,
    );
    await stopped.next();
    if (inLine) await until(() => isHeld(path, LOCK.waits + 1));
    await new Promise((resolve) => setTimeout(resolve, 50)); // its thread waits for the lock by then
    await stop(stopped);
    const behind = openSection(path, 2).run(() => 'inside', undefined);
    free();
    expect(await behind).toBe('inside');
    for (let times = 0; times < 20; times++) expect(await openSection(path, 3).run(() => times, undefined)).toBe(times);
    stopped.process.kill('SIGCONT');
    expect(await stopped.next()).toBe('inside');
    expect(await stopped.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['waited', false],
    ['stood in line', true],
  ])('passes over one whose event loop was blocked while it %s, and comes back to it', async (_, inLine) => {
    const path = makeLedgerFile();
    const flag = join(dirname(path), 'go-on');
    const block = join(dirname(path), 'block');
    const free = hold(path);
    const blocked = new LedgerProgram(
      `const ran = openSection(data.path, 1).run(() => say('inside'));
       say('waits');
       while (!fs.existsSync(data.block)) await sleep(1);
       say('blocked');
       blockUntil(data.flag);
       await ran;`,
      { path, flag, block },
    );
    await blocked.next();
    if (inLine) await until(() => isHeld(path, LOCK.waits + 1));
    writeFileSync(block, '');
    await blocked.next();
    free();
    const section = openSection(path, 2);
    for (let times = 0; times < 50; times++) expect(await section.run(() => times, undefined)).toBe(times);
    writeFileSync(flag, '');
    expect(await blocked.next()).toBe('inside');
    expect(await blocked.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['waits for it', 'openSection(data, 1).run(() => {}); say("here");', true],
    ['is in it', 'openSection(data, 1).run(() => { say("here"); blockForEver(); });', false],
    [
      'is in it and has waited',
      'openSection(data, 1).run(() => { say("enters"); blockForEver(); }); say("waits");',
      true,
    ],
  ])('is left by a worker that is terminated while it %s', async (_, body, waits) => {
    const path = makeLedgerFile();
    const release = waits ? hold(path) : () => {};
    const said = new Int32Array(new SharedArrayBuffer(4));
    const source = `const { workerData } = require('node:worker_threads');
      const say = () => { Atomics.add(workerData.said, 0, 1); };
      const data = workerData.path;
      import(workerData.head).then(({ openSection, blockForEver }) => { ${body} });`;
    const head = `data:text/javascript,${encodeURIComponent(`${PROGRAM_HEAD}\nexport { openSection, blockForEver };`)}`;
    const worker = new Worker(source, { eval: true, workerData: { path, said, head } });
    onTestFinished(async () => void (await worker.terminate()));
    await until(() => Atomics.load(said, 0) > 0);
    if (body.includes('enters')) release();
    await until(() => Atomics.load(said, 0) === (body.includes('enters') ? 2 : 1));
    await worker.terminate();
    if (!body.includes('enters')) release();
    const section = openSection(path, 2);
    expect(await section.run(() => 'free', undefined)).toBe('free');
    await until(() => !isHeld(path, LOCK.section));
    expect(isHeld(path, LOCK.waits, SLOTS)).toBe(false);
  });

  it('keeps a process alive as long as it waits, and no longer', async () => {
    const path = makeLedgerFile();
    const release = hold(path);
    const body = 'openSection(data, 1).run(() => say("inside")); say("waits");';
    const waiting = new LedgerProgram(body, path);
    expect(await waiting.next()).toBe('waits');
    const waited = await Promise.race([waiting.ended, new Promise((resolve) => setTimeout(resolve, 500, 'still'))]);
    expect(waited).toBe('still');
    release();
    expect(await waiting.next()).toBe('inside');
    expect(await waiting.ended).toEqual({ code: 0, signal: null });
  });

  it('lets one decide at a time, however many ask at once, and refuses none', { timeout: 60_000 }, async () => {
    const path = makeLedgerFile();
    const counter = join(dirname(path), 'counter');
    writeFileSync(counter, '0');
    const processes = 16;
    const each = 30;
    // Between reading and writing, others have their chance.
    const body = `
      const section = openSection(data.path, data.slot);
      say('ready');
      blockUntil(data.flag);
      for (let times = 0; times < data.each; times++) {
        await section.run(() => {
          const count = Number(fs.readFileSync(data.counter, 'utf8'));
          fs.writeFileSync(data.counter, String(count + 1));
        });
        if (times % 3 === 0) await sleep(1);
      }
      say('done');`;
    const flag = join(dirname(path), 'go');
    const programs = Array.from(
      { length: processes },
      (_, slot) => new LedgerProgram(body, { path, counter, slot, each, flag }),
    );
    await Promise.all(programs.map((program) => program.next()));
    writeFileSync(flag, '');
    const ended = await Promise.all(programs.map((program) => program.ended));
    expect(ended).toEqual(ended.map(() => ({ code: 0, signal: null })));
    expect(readFileSync(counter, 'utf8')).toBe(String(processes * each));
  });
});
