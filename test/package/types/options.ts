/** Options, readings, estimates, errors and the documented manager. Compiled against the packed types, never run. */
import { expectTypeOf } from 'expect-type';
import {
  type Adapter,
  type AdmissionRule,
  type AdmissionTimeoutError,
  type Clock,
  estimateFootprint,
  type Footprint,
  formatBytes,
  type GuardOptions,
  InsufficientMemoryError,
  isMemoryGuardError,
  MemoryGuardError,
  type MemorySnapshot,
  machineReport,
  parseBytes,
  Qwen2MemoryManager,
  Qwen2Quantization,
  readMemory,
  withMemoryGuard,
} from 'nexa-memory-guard';
import { type GuardMetrics, guardMetrics } from 'nexa-memory-guard/metrics';

declare const clock: Clock;
declare const sdk: { loadModel(name: string): Promise<object> };

const adapter: Partial<Adapter> = {
  readRequest: ([name]) => ({ name: String(name) }),
  withQuantization: (args, chosen) => [args[0], { quantization: chosen }],
  sdkDisposers: { all: ['close'], one: ['unload'] },
};
const options: GuardOptions = {
  mode: 'observe',
  minFreeBytes: '512 MiB',
  minFreeRatioAfterLoad: 0.25,
  warningFactor: 2,
  downgrade: false,
  ledger: { directory: '/run/guards' },
  maxConcurrentLoads: 1,
  evict: (idle, missingBytes) => idle.filter(() => missingBytes > 0),
  keepAliveMs: 1000,
  logger: console,
  sensor: () => ({ totalBytes: 2 ** 35, availableBytes: 2 ** 34 }),
  clock,
  adapter,
};
withMemoryGuard(sdk, options);
withMemoryGuard(sdk, { minFreeBytes: 2 ** 29, ledger: 'process', evict: 'idle' });

// @ts-expect-error an option that there is not
withMemoryGuard(sdk, { minFree: 1 });
// @ts-expect-error a mode that there is not
withMemoryGuard(sdk, { mode: 'strict' });
// @ts-expect-error no size
withMemoryGuard(sdk, { minFreeBytes: true });
// @ts-expect-error a ratio is a number
withMemoryGuard(sdk, { minFreeRatioAfterLoad: '25 %' });
// @ts-expect-error a sensor tells both
withMemoryGuard(sdk, { sensor: () => ({ totalBytes: 1 }) });
// @ts-expect-error whom to evict is chosen among models
withMemoryGuard(sdk, { evict: () => ['qwen2audio'] });
// @ts-expect-error a ledger that there is not
withMemoryGuard(sdk, { ledger: 'machine' });

expectTypeOf(readMemory()).toEqualTypeOf<MemorySnapshot>();
expectTypeOf(readMemory({ root: '/', swap: true }).source).toEqualTypeOf<'native' | 'procfs' | 'node' | 'injected'>();
expectTypeOf<MemorySnapshot['scopes'][number]['limitBytes']>().toEqualTypeOf<number | undefined>();
// @ts-expect-error an option that there is not
readMemory({ prefer: 'native' });
// @ts-expect-error a snapshot is not changed
readMemory().totalBytes = 1;
expectTypeOf(machineReport()).resolves.toHaveProperty('machineClass');

expectTypeOf(estimateFootprint({ modelPath: 'model.gguf', contextSize: 2048 })).resolves.toEqualTypeOf<Footprint>();
expectTypeOf<Footprint['basis']>().toEqualTypeOf<'engine' | 'gguf' | 'onnx' | 'shape'>();
expectTypeOf(
  estimateFootprint({ modelPath: 'model.gguf', engine: 'node-llama-cpp' }),
).resolves.toEqualTypeOf<Footprint>();
// @ts-expect-error an engine that there is not
estimateFootprint({ modelPath: 'model.gguf', engine: 'onnx' });
// @ts-expect-error no model
estimateFootprint({ contextSize: 2048 });

expectTypeOf(formatBytes(1)).toEqualTypeOf<string>();
expectTypeOf(parseBytes('1 GiB')).toEqualTypeOf<number | undefined>();

const error: unknown = new Error();
if (error instanceof MemoryGuardError) {
  if (error.code === 'ERR_INSUFFICIENT_MEMORY') console.log(error.message);
  // @ts-expect-error a code that there is not
  if (error.code === 'ERR_MEMORY') console.log(error.message);
}
if (error instanceof InsufficientMemoryError) {
  expectTypeOf(error).toExtend<MemoryGuardError>();
  expectTypeOf(error.shortfallBytes).toEqualTypeOf<number>();
  expectTypeOf(error.refusedBy).toEqualTypeOf<readonly AdmissionRule[]>();
}

// A code tells the fields of its error.
if (isMemoryGuardError(error)) {
  expectTypeOf(error).toExtend<MemoryGuardError>();
  if (error.code === 'ERR_INSUFFICIENT_MEMORY') expectTypeOf(error).toEqualTypeOf<InsufficientMemoryError>();
  if (error.code === 'ERR_ADMISSION_TIMEOUT') {
    expectTypeOf(error).toEqualTypeOf<AdmissionTimeoutError>();
    expectTypeOf(error.waitedMs).toEqualTypeOf<number>();
    expectTypeOf(error.shortfallBytes).toEqualTypeOf<number | undefined>();
  }
  // @ts-expect-error an error of this code has no numbers
  if (error.code === 'ERR_SENSOR') console.log(error.shortfallBytes);
}

const manager = new Qwen2MemoryManager({ defaultQuantization: Qwen2Quantization.Q4_0 });
expectTypeOf(manager.canLoadModel('Q5_K_M')).toEqualTypeOf<Promise<boolean>>();
expectTypeOf(manager.checkMemoryStatus().status).toEqualTypeOf<'ok' | 'warning' | 'critical'>();
expectTypeOf(manager.getMemoryStats().currentQuantization).toEqualTypeOf<'Q4_K_M' | 'Q4_0' | 'Q5_K_M' | null>();
// @ts-expect-error a quantization that there is not
manager.canLoadModel('Q8_0');

declare const guard: ReturnType<typeof withMemoryGuard>['guard'];
declare const meter: Parameters<typeof guardMetrics>[1];
expectTypeOf(guardMetrics(guard, meter, { name: 'main' })).toEqualTypeOf<GuardMetrics>();
// @ts-expect-error neither a meter nor prom-client
guardMetrics(guard, console);
