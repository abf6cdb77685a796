/** A guarded life with something to measure: every kind of decision, a wait, an eviction, a disposal, a kill. Its machine is a fake. */
import { GiB, MiB } from '../../src/core/bytes.ts';
import { FakeMachine, FakeSDK, guardedFake, settled } from './fake-sdk.ts';
import { ScriptedProcess, scriptedAdapter } from './scripted-processes.ts';

const sized = (gib: number, more: object = {}) => ({ memoryGuard: { footprint: gib * GiB, ...more } });

export function startLife() {
  const adapter = { processes: scriptedAdapter() };
  const options = { minFreeRatioAfterLoad: 0, minFreeBytes: 100 * MiB, evict: 'idle', adapter } as const;
  const sdk = new FakeSDK();
  const processes: ScriptedProcess[] = [];
  sdk.during = () => {
    const { listener } = Object(sdk.calls.at(-1)?.[1]) as { readonly listener: (process: ScriptedProcess) => void };
    const process = new ScriptedProcess();
    processes.push(process);
    listener(process);
  };
  return { ...guardedFake(new FakeMachine(8 * GiB), options, sdk), processes };
}

/** One admitted, one downgraded, one that evicts it, one refused, one that waited for a second and whose process ends, one disposed, one reading that fails. */
export async function runLife({ nexa, machine, clock, guard, processes }: ReturnType<typeof startLife>): Promise<void> {
  const through = async <T>(load: Promise<T>): Promise<T> => {
    load.catch(() => {});
    await clock.advanceAsync(600);
    return load;
  };
  const pinned = await nexa.loadModel('pinned', sized(2, { pin: true }));
  const steps = (quantization: string | undefined) => (quantization === 'Q4_0' ? 1 : 20) * GiB;
  await nexa.loadModel('qwen2audio', { quantization: 'Q5_K_M', memoryGuard: { footprint: steps } });
  await through(nexa.loadModel('evicting', sized(5.5, { pin: true })));
  await through(nexa.loadModel('refused', sized(90))).catch(() => {});
  const waiting = nexa.loadModel('waiting', sized(3, { wait: true, pin: true }));
  await clock.advanceAsync(1000);
  machine.availableBytes = 14 * GiB;
  await through(waiting);
  await pinned.dispose();
  await clock.advanceAsync(1000);
  processes.at(-1)?.end({ signal: 'SIGSEGV' });
  await settled();
  machine.failsAlways = true;
  await nexa.loadModel('unread', sized(1)).catch(() => {});
  machine.failsAlways = false;
  guard.status();
}

export type Life = ReturnType<typeof startLife> & { readonly sdk: FakeSDK };
