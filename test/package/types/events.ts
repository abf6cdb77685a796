/** What listeners and watchers are given, by the name of the event. Compiled against the packed types, never run. */
import { expectTypeOf } from 'expect-type';
import type {
  Decision,
  DecisionEvent,
  DegradedEvent,
  DegradedReason,
  ErrorCode,
  EvictedEvent,
  GuardEvent,
  GuardStatus,
  KilledEvent,
  LimitsEvent,
  LoadedEvent,
  LoadedModel,
  MemoryGuard,
  MemorySnapshot,
  StatusEvent,
  UnloadedEvent,
  WaitingEvent,
} from 'nexa-memory-guard';

declare const guard: MemoryGuard;

guard.on('ok', (event) => expectTypeOf(event).toEqualTypeOf<StatusEvent<'ok'>>());
guard.on('warning', (event) => expectTypeOf(event).toEqualTypeOf<StatusEvent<'warning'>>());
guard.on('critical', (event) => expectTypeOf(event).toEqualTypeOf<StatusEvent<'critical'>>());
guard.on('admitted', (event) => expectTypeOf(event).toEqualTypeOf<DecisionEvent<'admitted'>>());
guard.on('downgraded', (event) => expectTypeOf(event).toEqualTypeOf<DecisionEvent<'downgraded'>>());
guard.on('refused', (event) => expectTypeOf(event).toEqualTypeOf<DecisionEvent<'refused'>>());
guard.on('waiting', (event) => expectTypeOf(event).toEqualTypeOf<WaitingEvent>());
guard.on('loaded', (event) => expectTypeOf(event).toEqualTypeOf<LoadedEvent>());
guard.on('unloaded', (event) => expectTypeOf(event).toEqualTypeOf<UnloadedEvent<'unloaded'>>());
guard.on('evicted', (event) => expectTypeOf(event).toEqualTypeOf<EvictedEvent>());
guard.on('killed', (event) => expectTypeOf(event).toEqualTypeOf<KilledEvent>());
guard.on('leaked', (event) => expectTypeOf(event).toEqualTypeOf<UnloadedEvent<'leaked'>>());
guard.on('limits', (event) => expectTypeOf(event).toEqualTypeOf<LimitsEvent>());
guard.once('degraded', (event) => expectTypeOf(event).toEqualTypeOf<DegradedEvent>());

// `event.type` is the event's own name, and tells its fields apart.
guard.on('refused', (event) => expectTypeOf(event.type).toEqualTypeOf<'refused'>());
guard.on('critical', (event) => expectTypeOf(event.type).toEqualTypeOf<'critical'>());
guard.on('evicted', (event) => expectTypeOf(event.reason).toEqualTypeOf<'memory' | 'keep-alive'>());
guard.on('limits', (event) => expectTypeOf(event.reason).toEqualTypeOf<'resized' | 'moved'>());
guard.on('degraded', (event) => expectTypeOf(event.reason).toEqualTypeOf<DegradedReason>());
// @ts-expect-error a model that is simply gone has no reason
guard.on('unloaded', (event) => event.reason);
const report = (event: GuardEvent) => {
  if (event.type === 'waiting') expectTypeOf(event.position).toEqualTypeOf<number>();
  if (event.type === 'refused') expectTypeOf(event).toEqualTypeOf<DecisionEvent<'refused'>>();
  // @ts-expect-error not every event has it
  return event.position;
};
guard.on('waiting', report).on('refused', report);

// One listener for several events, and listeners that take less than they are given.
for (const name of ['warning', 'loaded'] as const) {
  guard.on(name, (event) => expectTypeOf(event).toEqualTypeOf<StatusEvent<'warning'> | LoadedEvent>());
}
const tell = ({ message }: { readonly message: string }) => console.log(message);
expectTypeOf(guard.on('refused', tell).once('ok', tell).off('refused', tell)).toEqualTypeOf<MemoryGuard>();

// @ts-expect-error an event that there is not
guard.on('warn', () => {});
// @ts-expect-error a field that this event hasn't
guard.on('loaded', (event) => event.headroomBytes);
// @ts-expect-error a listener of another event
guard.on('ok', (event: LoadedEvent) => event.model);
// @ts-expect-error events are not changed
guard.on('ok', (event) => (event.headroomBytes = 0));
// @ts-expect-error programs tell no events
guard.emit('ok');

for await (const status of guard.watch({ signal: AbortSignal.timeout(1000) })) {
  expectTypeOf(status).toEqualTypeOf<GuardStatus>();
  expectTypeOf(status.status).toEqualTypeOf<'ok' | 'warning' | 'critical'>();
}
expectTypeOf(guard.status()).toEqualTypeOf<GuardStatus>();
expectTypeOf(guard.headroomBytes()).toEqualTypeOf<number>();
expectTypeOf(guard.snapshot()).toEqualTypeOf<MemorySnapshot>();
expectTypeOf(guard.models()).toEqualTypeOf<readonly LoadedModel[]>();
expectTypeOf(guard.plan('qwen2audio', { quantization: 'Q4_0', memoryGuard: {} })).resolves.toEqualTypeOf<Decision>();
expectTypeOf<Decision['verdict']>().toEqualTypeOf<'admit' | 'downgrade' | 'refuse'>();
expectTypeOf<DegradedEvent['code']>().toEqualTypeOf<ErrorCode | undefined>();
// @ts-expect-error a signal is no option by itself
guard.watch(AbortSignal.timeout(1000));
// @ts-expect-error an option of the guard of another type
guard.plan('qwen2audio', { memoryGuard: { force: 1 } });
