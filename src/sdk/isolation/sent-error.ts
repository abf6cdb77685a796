/** An error on its way from the process of a model to its program. It knows no process. */
import { type ErrorCode, MemoryGuardError, readMessage } from '../../core/errors.ts';
import { type EngineFailure, explainEngineFailure, findEngineFailure } from '../engine-failure.ts';

export interface SentError {
  readonly name: string;
  readonly message: string;
  /** Absent if it is no error of this package. */
  readonly code?: string;
  /** What was behind it. */
  readonly cause?: { readonly name: string; readonly message: string };
  /** What the engine failed at: the lines that it printed meanwhile may say why. */
  readonly failure?: EngineFailure;
}

/** The codes that a runtime rejects with. */
const CODES: readonly ErrorCode[] = [
  'ERR_INVALID_OPTION',
  'ERR_MODEL_FILE',
  'ERR_RUNTIME_NOT_FOUND',
  'ERR_RUNTIME_ABI',
  'ERR_CONTEXT_FULL',
  'ERR_RUNTIME',
];

export function sendError(error: unknown): SentError {
  const failure = findEngineFailure(error);
  const { code, cause } = Object(error) as { readonly code?: unknown; readonly cause?: unknown };
  return {
    ...describeError(error),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && { cause: describeError(cause) }),
    ...(failure && { failure }),
  };
}

/** The error that the program gets. `lines` are what the engine printed as errors during the call. */
export function receiveError(sent: SentError, lines: readonly string[]): MemoryGuardError {
  const cause = sent.cause && Object.assign(new Error(sent.cause.message), { name: sent.cause.name });
  if (sent.failure) return explainEngineFailure(sent.failure, lines, cause);
  const known = CODES.find((code) => code === sent.code);
  if (known) return new MemoryGuardError(known, sent.message, { cause });
  return new MemoryGuardError('ERR_RUNTIME', `The process of the model failed: ${sent.name}: ${sent.message}`, {
    cause,
  });
}

function describeError(error: unknown): { readonly name: string; readonly message: string } {
  return { name: error instanceof Error ? `${error.name}` : 'Error', message: readMessage(error) };
}
