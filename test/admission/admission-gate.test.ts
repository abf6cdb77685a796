import { describe, expect, it } from 'vitest';
import { AdmissionGate, type AdmissionGateParts } from '../../src/admission/admission-gate.ts';
import type { LoadNeed, MemoryScope, Quantization } from '../../src/core/types.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Holdings } from '../../src/ledger/ledger-record.ts';
import type { Peer } from '../../src/ledger/peer-headroom.ts';
import type { Candidate } from '../../src/policy/choose-candidate.ts';
import type { AdmissionRequest } from '../../src/policy/decision.ts';
import { InjectedReader } from '../../src/sensors/injected-reader.ts';
import { decide } from '../support/decide.ts';
import { settled } from '../support/fake-sdk.ts';

const need = (anonymousBytes: number, mappedBytes = 0): LoadNeed => ({ mappedBytes, anonymousBytes, basis: 'given' });
const candidate = (bytes: number, quantization?: Quantization): Candidate => ({
  ...(quantization && { quantization }),
  need: need(bytes),
  minFreeBytes: 0,
});

/** Makes a gate over a machine of 1000 bytes; a test may change each of its parts. */
function gateOver(changes: Partial<AdmissionGateParts> = {}) {
  const state = { available: 100 };
  const ledger = new Ledger();
  const gate = new AdmissionGate({
    reader: new InjectedReader(() => ({ totalBytes: 1000, availableBytes: state.available })),
    ledger,
    nowMs: () => 7,
    minFreeRatioAfterLoad: 0,
    ...changes,
  });
  return { gate, ledger, state };
}

const ask = (...candidates: Candidate[]): AdmissionRequest => ({
  model: 'm',
  ...(candidates[0]?.quantization && { askedQuantization: candidates[0].quantization }),
  candidates,
  downgrade: true,
});

describe('the gate', () => {
  it('subtracts what is mapped and what is promised from what is available', () => {
    const { gate, ledger } = gateOver();
    const loaded = gate.reserve('loaded', need(10, 20));
    ledger.markLoaded(loaded, [{ key: 'file', bytes: 20 }]);
    gate.reserve('loading', need(3, 4));
    expect(gate.look()).toMatchObject({
      availableBytes: 100,
      promisedAnonymousBytes: 13,
      headroomBytes: 100 - 20 - 4 - 13,
    });
  });

  it('reserves the first step that fits, in the same step as the decision', () => {
    const { gate, ledger } = gateOver();
    const { decision, reserved } = decide(gate, ask(candidate(200, 'Q5_K_M'), candidate(90, 'Q4_0')), {
      reserve: 'chosen',
    });
    expect(decision).toMatchObject({ verdict: 'downgrade', quantization: 'Q4_0', need: need(90) });
    expect(reserved?.reservation).toMatchObject({ label: 'm', atMs: 7, need: need(90) });
    expect(ledger.size).toBe(1);
    expect(decide(gate, ask(candidate(11)), { reserve: 'chosen' }).reserved).toBeUndefined();
    expect(decide(gate, ask(candidate(10)), { reserve: 'chosen' }).reserved).toBeDefined();
  });

  it('reserves nothing if nothing fits or only a verdict was asked for', () => {
    const { gate, ledger } = gateOver();
    expect(decide(gate, ask(candidate(101)), { reserve: 'chosen' })).toMatchObject({ decision: { verdict: 'refuse' } });
    expect(decide(gate, ask(candidate(100)), { reserve: 'nothing' })).toMatchObject({ decision: { verdict: 'admit' } });
    expect(ledger.size).toBe(0);
  });

  it('reserves the first step, whatever was decided, if that is asked for', () => {
    const { gate } = gateOver();
    const { decision, reserved } = decide(gate, ask(candidate(200, 'Q5_K_M'), candidate(90, 'Q4_0')), {
      reserve: 'first',
    });
    expect(decision.verdict).toBe('downgrade');
    expect(reserved?.candidate.quantization).toBe('Q5_K_M');
  });

  it('reserves the first step only if none fits, if that is asked for', () => {
    const { gate } = gateOver();
    const reserve = { reserve: 'chosen-or-first' } as const;
    const fits = decide(gate, ask(candidate(200, 'Q5_K_M'), candidate(90, 'Q4_0')), reserve);
    expect(fits.reserved?.candidate.quantization).toBe('Q4_0');
    const refused = decide(gate, ask(candidate(200, 'Q5_K_M'), candidate(190, 'Q4_0')), reserve);
    expect([refused.decision.verdict, refused.reserved?.candidate.quantization]).toEqual(['refuse', 'Q5_K_M']);
  });

  it('reads the peers once for a decision, however many candidates have files', () => {
    let readings = 0;
    const { gate } = gateOver({
      shared: {
        peers() {
          readings += 1;
          return [];
        },
        publish() {},
      },
    });
    const files = [{ key: 'file', bytes: 60 }];
    const wants = { ...candidate(0), need: { ...need(200, 60), files } };
    decide(gate, ask({ ...wants, quantization: 'Q5_K_M' }, { ...wants, quantization: 'Q4_0' }), { reserve: 'nothing' });
    expect(readings).toBe(1);
  });

  it('judges the asked step alone if downgrading is off', () => {
    const { gate } = gateOver();
    const both = ask(candidate(200, 'Q5_K_M'), candidate(90, 'Q4_0'));
    expect(decide(gate, { ...both, downgrade: false }, { reserve: 'chosen' }).decision).toMatchObject({
      verdict: 'refuse',
      candidates: [{ quantization: 'Q5_K_M', shortfallBytes: 100 }],
    });
  });

  it('asks nothing for a file that is mapped already', () => {
    const { gate, ledger } = gateOver();
    const files = [{ key: 'file', bytes: 60 }];
    const wants = { ...candidate(0), need: { ...need(10, 60), files } };
    ledger.markLoaded(gate.reserve('first', need(0, 60)), files);
    const { decision } = decide(gate, ask(wants), { reserve: 'chosen' });
    expect(decision).toMatchObject({
      verdict: 'admit',
      headroomBytes: 40,
      need: { mappedBytes: 0, anonymousBytes: 10 },
    });
    const other = { ...wants, need: { ...wants.need, files: [{ key: 'other', bytes: 60 }] } };
    expect(decide(gate, ask(other), { reserve: 'nothing' }).decision.verdict).toBe('refuse');
  });

  it('asks nothing for a mapped file at a smaller context either', () => {
    const { gate, ledger } = gateOver();
    const files = [{ key: 'file', bytes: 60 }];
    const at = (contextSize: number): Candidate => ({
      contextSize,
      need: { ...need(contextSize / 256, 60), files },
      minFreeBytes: 0,
    });
    const wants = { ...at(4096 * 256), smaller: { leastContextSize: 256, at } };
    ledger.markLoaded(gate.reserve('first', need(0, 60)), files);
    const { decision, reserved } = decide(gate, ask(wants), { reserve: 'chosen' });
    expect(decision.verdict).not.toBe('refuse');
    expect(reserved?.candidate.contextSize).toBe(40 * 256); // what the 40 free bytes hold, without the file's 60
    expect(reserved?.reservation.need.mappedBytes).toBe(0);
  });

  it('settles and forgets promises, once', () => {
    const { gate, ledger } = gateOver();
    const reservation = gate.reserve('m', need(10));
    gate.loaded(reservation, undefined);
    gate.settle(reservation);
    expect(gate.look().headroomBytes).toBe(100);
    expect([gate.release(reservation), gate.release(reservation)]).toEqual([true, false]);
    expect(ledger.size).toBe(0);
  });
});

describe('garbage before a refusal', () => {
  const collecting = (worth: boolean) => {
    const asked: number[] = [];
    const { gate } = gateOver({
      collect(missingBytes) {
        asked.push(missingBytes);
        return worth;
      },
    });
    const judge = (...candidates: Candidate[]) => gate.judge(ask(...candidates), { reserve: 'nothing' }).decision;
    return { gate, asked, judge };
  };

  it('is asked for with the least that is missing over all steps, and the answer says whether to look again', () => {
    for (const worth of [true, false]) {
      const { gate, asked, judge } = collecting(worth);
      expect(gate.collectFor(judge(candidate(300, 'Q5_K_M'), candidate(150, 'Q4_0')))).toBe(worth);
      expect(asked).toEqual([50]);
    }
  });

  it('is left alone by a decision, and by a load that fits', () => {
    const { gate, asked, judge } = collecting(true);
    judge(candidate(120));
    expect(gate.collectFor(judge(candidate(100)))).toBe(false);
    expect(asked).toEqual([]);
  });
});

describe('what a load has taken', () => {
  it('pays for its own promise', () => {
    const { gate } = gateOver();
    const loading = gate.reserve('loading', need(50));
    gate.reserve('other', need(10));
    gate.took(loading, 45);
    expect(gate.look().promisedAnonymousBytes).toBe(15);
    gate.took(loading, 70);
    expect(gate.look().promisedAnonymousBytes).toBe(10);
  });
});

describe('other processes', () => {
  const peer = (more: Partial<Peer> = {}): Peer => ({
    ownProcess: false,
    scopes: ['group'],
    files: [],
    promisedMappedBytes: 0,
    promisedAnonymousBytes: 0,
    loadingAnonymousBytes: 0,
    waiting: [],
    waitingCount: 0,
    ...more,
  });

  /** Makes a gate over a host of 1000 bytes (600 available) and a group of 500 (300 available) that these peers share. */
  function among(...peers: Peer[]) {
    const published: Holdings[] = [];
    const keys = ['host', 'group'];
    const told: (readonly string[])[] = [];
    const scope = (path: string, limitBytes: number, availableBytes: number): MemoryScope => ({
      kind: path === 'host' ? 'host' : 'cgroup-v2',
      path,
      limitBytes,
      usedBytes: limitBytes - availableBytes,
      reclaimableBytes: 0,
      availableBytes,
    });
    const scopes = [scope('host', 1000, 600), scope('group', 500, 300)] as const;
    const parts = {
      reader: {
        source: 'procfs' as const,
        measure: () => ({ totalBytes: 500, availableBytes: 300, hostBinds: false }),
        snapshot: () => ({
          totalBytes: 500,
          availableBytes: 300,
          limitedBy: scopes[1],
          scopes,
          source: 'procfs' as const,
          precise: true,
          ancestorsHidden: false,
          takenAtMs: 0,
        }),
        scopeKeys: () => [...keys],
        close() {},
      },
      shared: {
        peers: () => peers,
        publish(scopes: readonly string[], holdings: Holdings) {
          told.push(scopes);
          published.push(holdings);
        },
      },
    };
    return { ...gateOver(parts), keys, published, told };
  }

  it('burden the scopes that they are in with what they hold and were promised', () => {
    const held = { files: [{ key: 'a', bytes: 40 }], promisedMappedBytes: 10, promisedAnonymousBytes: 20 };
    expect(among(peer(held)).gate.look()).toMatchObject({ headroomBytes: 230, promisedAnonymousBytes: 20 });
    expect(among(peer({ ...held, scopes: ['host'] })).gate.look()).toMatchObject({ headroomBytes: 300 });
    expect(among().gate.look()).toMatchObject({ headroomBytes: 300, promisedAnonymousBytes: 0 });
  });

  it('hold a file that this one needs only once', () => {
    const { gate } = among(peer({ files: [{ key: 'a', bytes: 40 }] }));
    const shared = { ...candidate(0), need: { ...need(10, 40), files: [{ key: 'a', bytes: 40 }] } };
    expect(decide(gate, ask(shared), { reserve: 'nothing' }).decision.candidates[0]?.need.mappedBytes).toBe(0);
    const other = { ...candidate(0), need: { ...need(10, 40), files: [{ key: 'b', bytes: 40 }] } };
    expect(decide(gate, ask(other), { reserve: 'nothing' }).decision.candidates[0]?.need.mappedBytes).toBe(40);
  });

  describe('while a load is metered', () => {
    const place = { descriptor: 9, offset: 4096 };

    /** A gate whose records have a place for a meter, and what a meter was told to write where. */
    function metered({ fails = false, place: at }: { fails?: boolean; place?: typeof place } = { place }) {
      const published: Holdings[] = [];
      const written: number[][] = [];
      const shared = {
        peers: () => [],
        publish(_: readonly string[], holdings: Holdings) {
          published.push(holdings);
        },
        meterPlace: at,
      };
      const publishTo = (...where: [number, number, number]) => written.push(where) > 0 && !fails;
      return { ...gateOver({ shared }), published, written, meter: { publishTo } };
    }

    it('read where it writes, and what of it their record has taken off, until the load is done', () => {
      const { gate, published, written, meter } = metered();
      const reservation = gate.reserve('m', need(50));
      gate.meter(reservation, meter);
      const [[descriptor, offset, number] = []] = written;
      expect({ descriptor, offset }).toEqual(place);
      expect(published.at(-1)?.meter).toEqual({ number, takenBytes: 0 });
      gate.took(reservation, 20.4);
      expect(published.at(-1)).toMatchObject({ promisedAnonymousBytes: 30, meter: { number, takenBytes: 20 } });
      gate.loaded(reservation, []);
      gate.settle(reservation);
      expect(published.at(-1)?.meter).toBeUndefined();
    });

    it('read nothing of one that can’t write, or has no place', () => {
      for (const why of [{ fails: true, place }, {}]) {
        const { gate, published, meter } = metered(why);
        gate.meter(gate.reserve('m', need(50)), meter);
        expect(published.at(-1)?.meter).toBeUndefined();
      }
    });
  });

  it('that can’t be told of a promise leave none behind, unless the load is forced', () => {
    const failure = new Error('no ledger');
    const shared = {
      peers: () => [],
      publish() {
        throw failure;
      },
    };
    const { gate, ledger } = gateOver({ shared });
    expect(() => gate.reserve('m', need(50))).toThrow(failure);
    expect(() => decide(gate, ask(candidate(10)), { reserve: 'chosen' })).toThrow(failure);
    expect(ledger.size).toBe(0);
    const { reservation } = gate.reserveFirst(ask(candidate(10)));
    expect(ledger.size).toBe(1);
    expect(gate.release(reservation)).toBe(true);
  });

  const waits = (sinceUs: number) =>
    peer({ waiting: [{ label: 'w', sinceUs, mappedBytes: 100, anonymousBytes: 150 }], waitingCount: 3 });

  it('that waited before keep what they wait for, those that came later don’t', () => {
    const early = among(waits(1));
    const ticket = early.gate.wait('m', need(100), 1000);
    expect(early.published.at(-1)?.waiting).toMatchObject([{ label: 'm', anonymousBytes: 100 }]);
    expect(decide(early.gate, ask(candidate(100)), { reserve: 'nothing', ticket }).decision).toMatchObject({
      verdict: 'refuse',
      waitingBytes: 250,
    });
    const late = among(waits(Number.MAX_SAFE_INTEGER));
    const first = late.gate.wait('m', need(100), 1000);
    expect(decide(late.gate, ask(candidate(100)), { reserve: 'nothing', ticket: first }).decision.verdict).toBe(
      'admit',
    );
    // A load without a place comes after all that wait, and the first of them is what keeps it back.
    expect(decide(late.gate, ask(candidate(201)), { reserve: 'nothing' }).decision).toMatchObject({
      verdict: 'refuse',
      waitingBytes: 100,
    });
  });

  it('stand before or behind in the line, as the last reading saw them', () => {
    const early = among(waits(1));
    const ticket = early.gate.wait('m', need(100), 1000);
    expect(early.gate.countPlaces().get(ticket)).toBe(1);
    early.gate.look();
    expect(early.gate.countPlaces().get(ticket)).toBe(4);
    const late = among(waits(Number.MAX_SAFE_INTEGER));
    const tickets = ['a', 'b'].map((label) => late.gate.wait(label, need(100), 1000));
    late.gate.look();
    expect([...late.gate.countPlaces()]).toEqual(tickets.map((each, index) => [each, index + 1]));
  });

  it('are told in one step that a load waits no more and what is reserved for it', () => {
    const { gate, published } = among();
    gate.look();
    const ticket = gate.wait('m', need(100), 1000);
    gate.renewWaits();
    decide(gate, ask(candidate(100)), { reserve: 'chosen', ticket });
    gate.endWait(ticket);
    expect(
      published.map(({ waiting, waitingCount, promisedAnonymousBytes }) => [
        waiting.length,
        waitingCount,
        promisedAnonymousBytes,
      ]),
    ).toEqual([
      [1, 1, 0],
      [1, 1, 0],
      [0, 0, 100],
    ]);
  });

  it('keep their places if the load is refused, until it gives up', () => {
    const { gate, ledger, published } = among();
    const ticket = gate.wait('m', need(1000), 1000);
    decide(gate, ask(candidate(1000)), { reserve: 'chosen', ticket });
    expect([...ledger.waiting]).toEqual([ticket]);
    gate.endWait(ticket);
    expect(published.at(-1)).toMatchObject({ waiting: [], waitingCount: 0 });
  });

  it('hear of every change that is made here', async () => {
    const { gate, published } = among();
    const reservation = gate.reserve('m', need(50, 20));
    for (const takenBytes of [30, 30]) gate.took(reservation, takenBytes); // told once
    gate.loaded(reservation, [{ key: 'a', bytes: 20 }]);
    await settled();
    gate.settle(reservation);
    gate.release(reservation);
    expect(published.map(({ files, promisedAnonymousBytes }) => [files.length, promisedAnonymousBytes])).toEqual([
      [0, 50],
      [0, 20],
      [1, 20],
      [1, 0],
      [0, 0],
    ]);
  });

  it('hear of what is held here anew once this process is in another group', () => {
    const { gate, keys, published, told } = among();
    gate.look();
    gate.reserve('m', need(50));
    gate.look();
    expect(published).toHaveLength(1);
    keys[1] = 'other group';
    gate.lookIntoScopes();
    gate.lookIntoScopes();
    expect(published).toHaveLength(2);
    expect(told).toEqual([
      ['host', 'group'],
      ['host', 'other group'],
    ]);
  });

  it('hear that a load is done with the next change, or in the next turn', async () => {
    const { gate, published } = among();
    gate.loaded(gate.reserve('a', need(50, 20)), [{ key: 'a', bytes: 20 }]);
    gate.reserve('b', need(1));
    await settled();
    expect(published.map(({ files, promisedAnonymousBytes }) => [files.length, promisedAnonymousBytes])).toEqual([
      [0, 50],
      [1, 51],
    ]);
  });
});
