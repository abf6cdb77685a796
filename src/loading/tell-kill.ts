/** What is told of a process that was killed, in figures and in one sentence. */

import { describeReserved } from '../admission/describe-need.ts';
import { formatBytes } from '../core/bytes.ts';
import { describeEnd } from '../core/describe-end.ts';
import type { KilledEvent } from '../events/guard-events.ts';
import type { HeldProcess } from '../models/held-process.ts';
import { formatModelName } from '../policy/decision.ts';

type KilledModel = Pick<KilledEvent, 'model' | 'quantization' | 'modelPath' | 'need' | 'reloads'>;

/** All of the event but its type and time. */
export function describeKill(model: KilledModel, process: HeldProcess): Omit<KilledEvent, 'type' | 'atMs'> {
  const { heldBytes, end, killer: scope } = process;
  const { signal, exitCode, hung = false } = end ?? {};
  const told = {
    ...model,
    pid: process.process.pid,
    ...(signal !== undefined && { signal }),
    ...(exitCode !== undefined && { exitCode }),
    hung,
    byKernel: scope !== undefined,
    ...(scope && { scope: { kind: scope.kind, path: scope.path } }),
    ...(heldBytes !== undefined && { heldBytes }),
  };
  return { ...told, message: makeSentence(told) };
}

function makeSentence(told: Omit<KilledEvent, 'type' | 'atMs' | 'message'>): string {
  const { model, quantization, pid, scope, heldBytes, need, reloads } = told;
  const subject = `The process ${pid} of ${formatModelName(model, quantization)}`;
  const end = scope
    ? `${subject} was ended by the kernel, since the memory of ${scope.path} had run out`
    : describeEnd(subject, told);
  const held =
    heldBytes === undefined
      ? ''
      : ` It held ${formatBytes(heldBytes)} of anonymous memory, where ${describeReserved(need)} had been reserved.`;
  const next = reloads ? ' The next call loads it again.' : '';
  return `${end}.${held}${next}`;
}
