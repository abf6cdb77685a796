/** Judges and commits in one step, as a load does that no other process disturbs. */
import type { AdmissionGate, DecideOptions, GateOutcome } from '../../src/admission/admission-gate.ts';
import type { AdmissionRequest } from '../../src/policy/decision.ts';

export function decide(gate: AdmissionGate, request: AdmissionRequest, options: DecideOptions): GateOutcome {
  return gate.commit(gate.judge(request, options));
}
