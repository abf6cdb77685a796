/** Says why a load is refused and what would help, in one sentence and in figures. It changes no decision and tells nobody. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { describeRefusal } from '../admission/decision-messages.ts';
import { type MemoryReader, readLimitingScope } from '../core/memory-reader.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import type { CandidateVerdict } from '../policy/choose-candidate.ts';
import type { AdmissionRequest, Decision } from '../policy/decision.ts';
import { findRefusalHelp } from '../policy/refusal-help.ts';

/** What an explanation looks at. */
export interface ExplainRefusalParts {
  readonly reader: MemoryReader;
  readonly gate: Pick<AdmissionGate, 'findSmallerContext'>;
  readonly models: Pick<LoadedModels, 'list'>;
}

export interface ExplainedDecision {
  readonly decision: Decision;
  /** Empty for a load that is not refused. */
  readonly message: string;
}

/**
 * A refused decision with what would help, and its sentence; both speak of the same scope. `listCandidates` gives the request as things
 * stand now, and `ticket` is the load's place in the line.
 */
export function explainRefusal(
  decision: Decision,
  { reader, gate, models }: ExplainRefusalParts,
  listCandidates: () => AdmissionRequest,
  ticket?: WaitTicket,
): ExplainedDecision {
  if (decision.verdict !== 'refuse') return { decision, message: '' };
  const limitedBy = readLimitingScope(reader);
  const fitting = findSmallerContext(gate, listCandidates, ticket);
  const help = findRefusalHelp(decision, { holders: models.list(), limitedBy, fitting });
  const explained = { ...decision, help };
  return { decision: explained, message: describeRefusal(explained, limitedBy) };
}

/** For the help only: a reading that fails here changes no decision. */
function findSmallerContext(
  gate: ExplainRefusalParts['gate'],
  listCandidates: () => AdmissionRequest,
  ticket: WaitTicket | undefined,
): CandidateVerdict | undefined {
  try {
    return gate.findSmallerContext(listCandidates(), ticket);
  } catch {
    return undefined;
  }
}
