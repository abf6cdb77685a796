/** Says why a load is refused and what would help, in one sentence and in figures. It changes no decision and tells nobody. */
import type { AdmissionGate } from '../admission/admission-gate.ts';
import { describeRefusal } from '../admission/decision-messages.ts';
import type { Clock } from '../core/clock.ts';
import { type MemoryReader, readLimitingScope } from '../core/memory-reader.ts';
import type { WaitTicket } from '../ledger/ledger.ts';
import type { HeldModel } from '../models/held-model.ts';
import type { LoadedModels } from '../models/loaded-models.ts';
import type { AdmissionRequest, Decision } from '../policy/decision.ts';
import { findRefusalHelp, type RefusalFacts } from '../policy/refusal-help.ts';
import type { LoadSettings } from './load-settings.ts';
import { findRetryAfterMs } from './retry-after.ts';

/** What an explanation looks at. */
export interface ExplainRefusalParts {
  readonly reader: MemoryReader;
  readonly gate: Pick<AdmissionGate, 'findSmallerContext' | 'judge'>;
  readonly models: Pick<LoadedModels, 'list' | 'idle' | 'listIdleEnds'>;
  readonly settings: Pick<LoadSettings, 'evict'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** The load that was refused. */
export interface ExplainedLoad {
  /** Its request as things stand now. */
  listCandidates(): AdmissionRequest;
  /** The name of the model whose context it is. */
  readonly owner?: string | undefined;
}

export interface ExplainedDecision {
  readonly decision: Decision;
  /** Empty for a load that is not refused. */
  readonly message: string;
  /** In how many milliseconds trying again may help; absent if that can't be told. */
  readonly retryAfterMs?: number;
}

/**
 * A refused decision with what would help, and its sentence; both speak of the same scope. `ticket` is the load's place in the line. Nobody is
 * advised to unload the model whose context this is.
 */
export function explainRefusal(
  decision: Decision,
  { reader, gate, models, settings, clock }: ExplainRefusalParts,
  { listCandidates, owner }: ExplainedLoad,
  ticket?: WaitTicket,
): ExplainedDecision {
  if (decision.verdict !== 'refuse') return { decision, message: '' };
  const limitedBy = readLimitingScope(reader);
  const evictable = settings.evict === 'never' ? models.idle().map(describeHolder) : [];
  const fitting = findFitting(gate, listCandidates, ticket);
  const holders = models.list().filter(({ name }) => name !== owner);
  const help = findRefusalHelp(decision, { holders, limitedBy, evictable, ...fitting });
  const explained = { ...decision, help };
  const retryAfterMs = findRetryAfterMs(decision, models.listIdleEnds(), clock.nowMs());
  return {
    decision: explained,
    message: describeRefusal(explained, limitedBy),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** For the help only: a reading that fails here changes no decision. */
function findFitting(
  gate: ExplainRefusalParts['gate'],
  listCandidates: () => AdmissionRequest,
  ticket: WaitTicket | undefined,
): Pick<RefusalFacts, 'fitting' | 'smaller'> {
  try {
    const request = listCandidates();
    const fitting = gate.findSmallerContext(request, ticket);
    const below = request.downgrade
      ? undefined
      : gate.judge({ ...request, downgrade: true }, { reserve: 'nothing', ticket });
    return { fitting, smaller: below?.decision.candidates.find(({ admitted }) => admitted) };
  } catch {
    return {};
  }
}

function describeHolder({ facts }: HeldModel): RefusalFacts['holders'][number] {
  return { name: facts.name, quantization: facts.quantization, need: facts.reservation.need };
}
