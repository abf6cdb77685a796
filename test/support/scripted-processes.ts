/** Scripted processes of models, for tests that start none: what they hold and how they end is what the test says. */
import type { Adapter, OnKilled, ProcessAdapter } from '../../src/adapters/adapter.ts';
import { defaultAdapter } from '../../src/adapters/default-adapter.ts';
import { GiB, MiB } from '../../src/core/bytes.ts';
import type { KillerScope, ModelProcess, ProcessEnd, ProcessProbe } from '../../src/core/model-process.ts';
import type { HeldFile } from '../../src/core/types.ts';
import type { GuardEvent } from '../../src/events/guard-events.ts';
import { EVENT_NAMES } from '../../src/events/guard-events.ts';
import type { Observation } from '../../src/footprint/apply-observations.ts';
import type { CalibrationStore } from '../../src/footprint/calibration-store.ts';
import { type GuardOptions, readGuardOptions } from '../../src/guard-options.ts';
import { GuardRooms } from '../../src/guard-rooms.ts';
import { InjectedMachine } from '../../src/machine/injected-machine.ts';
import { ManualClock } from './manual-clock.ts';

let pids = 1;

export class ScriptedProcess implements ModelProcess {
  readonly pid = pids++;
  readonly shared: boolean;
  readonly ended: Promise<ProcessEnd>;
  /** `undefined`: it has ended. */
  heldBytes: number | undefined = 10 * MiB;
  files: readonly HeldFile[] | undefined = [];
  /** How many kills by this scope are there to be told. */
  kills: KillerScope[] = [];
  /** Why it can have no wall. */
  noWall: string | undefined;
  readonly walls: number[] = [];
  closed = 0;
  /** Ends it. */
  readonly end: (end: Partial<ProcessEnd>) => void;

  constructor(shared = false) {
    this.shared = shared;
    let resolve!: (end: ProcessEnd) => void;
    this.ended = new Promise((settle) => {
      resolve = settle;
    });
    this.end = (end) => {
      this.heldBytes = undefined;
      resolve({ asked: false, hung: false, ...end });
    };
  }

  readonly probe: ProcessProbe = {
    readBytes: () => this.heldBytes,
    listMappings: () => this.files,
    contain: async (limitBytes) => {
      this.walls.push(limitBytes);
      return this.noWall;
    },
    // As the kernel's counters: each kill is told once.
    findKiller: () => this.kills.pop(),
    close: () => {
      this.closed += 1;
    },
  };

  /** The kernel ends it, since the memory of this scope had run out. */
  killedBy(scope: Partial<KillerScope> = {}): void {
    this.kills.push({ kind: 'cgroup-v2', path: '/a/b', own: false, ...scope });
    this.end({ signal: 'SIGKILL' });
  }
}

type Listener = (process: ModelProcess) => void | Promise<void>;

/** Its listener is a property of the options. */
export function scriptedAdapter({
  shared = false,
  onKilled,
  containment,
}: Partial<Pick<ProcessAdapter, 'shared' | 'onKilled' | 'containment'>> = {}): ProcessAdapter {
  return {
    shared,
    ...(onKilled && { onKilled }),
    ...(containment && { containment }),
    withListener: ([name, options], listener) => [name, { ...Object(options), listener }],
  };
}

/** A model of a scripted process. */
export class ScriptedModel {
  readonly process: ScriptedProcess;
  readonly options: Readonly<Record<string, unknown>>;
  disposals = 0;

  constructor(process: ScriptedProcess, options: Readonly<Record<string, unknown>>) {
    this.process = process;
    this.options = options;
  }

  async generate(): Promise<string> {
    return `from ${this.process.pid}`;
  }

  async dispose(): Promise<void> {
    this.disposals += 1;
    if (!this.process.shared) this.process.end({ asked: true, signal: 'SIGKILL' });
  }
}

export interface ScriptedOptions extends GuardOptions {
  readonly shared?: boolean;
  readonly onKilled?: OnKilled;
  readonly containment?: 'auto' | 'off';
  /** Whether each call fills a micro-batch. */
  readonly filledMicroBatch?: boolean;
  readonly offers?: NonNullable<Adapter['listOffers']>;
  /** Whether the system tells what a process holds. @default true */
  readonly readable?: boolean;
  /** What the kernel would end together. */
  readonly oomGroup?: string;
}

/** A guard over a scripted machine of 16 GiB whose models live in scripted processes. */
export function guardScripted({
  shared = false,
  onKilled,
  containment,
  filledMicroBatch,
  offers,
  readable = true,
  oomGroup,
  ...options
}: ScriptedOptions = {}) {
  const clock = new ManualClock();
  const processes: ScriptedProcess[] = [];
  const recorded: { readonly key: string; readonly observation: Observation }[] = [];
  const sensor = () => ({ totalBytes: 16 * GiB, availableBytes: 15 * GiB });
  class ScriptedMachine extends InjectedMachine {
    override probeProcess(asked?: ModelProcess): undefined {
      const probe = processes.find((process) => process === asked)?.probe;
      return (readable ? probe : undefined) as undefined;
    }
    override findOomGroup(): undefined {
      return oomGroup as undefined;
    }
    override openCalibration(): undefined {
      const store: Pick<CalibrationStore, 'readObservations' | 'record'> = {
        readObservations: async () => (key) =>
          recorded.filter((each) => each.key === key).map(({ observation }) => observation),
        record: async (key, observation) => void recorded.push({ key, observation }),
      };
      return store as unknown as undefined;
    }
  }
  const settings = readGuardOptions({ sensor, clock, minFreeRatioAfterLoad: 0, minFreeBytes: 0, ...options });
  const adapter: Adapter = {
    ...defaultAdapter,
    runtime: 'scripted 1',
    ...(offers && { listOffers: offers }),
    ...(filledMicroBatch && { hasFilledMicroBatch: () => true }),
    withShape: ([name, given], chosen) => [name, { ...Object(given), ...chosen }],
    processes: scriptedAdapter({ shared, ...(onKilled && { onKilled }), ...(containment && { containment }) }),
  };
  const rooms = new GuardRooms(settings, new ScriptedMachine(sensor));
  const source = { sdk: {}, adapter };
  const events: GuardEvent[] = [];
  for (const name of EVENT_NAMES) rooms.events.on(name, (event: GuardEvent) => void events.push(event));
  const calls: unknown[][] = [];
  /** Runs inside of the SDK's call once the process is told, and may change or end it. */
  const during: { run: ((process: ScriptedProcess) => unknown) | undefined } = { run: undefined };
  const invoke = async ([name, given]: readonly unknown[]) => {
    const { listener, ...rest } = Object(given) as { readonly listener: Listener };
    calls.push([name, rest]);
    const process = shared ? (processes[0] ?? new ScriptedProcess(true)) : new ScriptedProcess();
    if (!processes.includes(process)) processes.push(process);
    await listener(process);
    await during.run?.(process);
    return new ScriptedModel(process, rest);
  };
  const load = (name: string, given: object = {}) =>
    rooms.loader.load(source, invoke, [name, given]) as Promise<ScriptedModel & { readonly quantization?: string }>;
  const killed = () => events.filter((event) => event.type === 'killed');
  const entries = () => rooms.ledger.ledger.listEntries();
  const promisedBytes = () => rooms.ledger.ledger.computeBurden().promisedAnonymousBytes;
  return { rooms, source, clock, processes, recorded, events, calls, during, load, killed, entries, promisedBytes };
}
