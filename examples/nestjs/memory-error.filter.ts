/** What a refused load is as an answer: 503 and when to come again, or 507 if that won't help. */
import { type ArgumentsHost, Catch, HttpException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { type AnyMemoryGuardError, isMemoryGuardError } from 'nexa-memory-guard';

/** If the guard can't tell when memory comes back. */
export const RETRY_AFTER_MS = 10_000;

/** As Express and Fastify have it, Nest's two platforms. */
interface Response {
  header(name: string, value: string): unknown;
}

export function setRetryAfter(response: Response, ms: number): void {
  response.header('Retry-After', String(Math.ceil(ms / 1000)));
}

@Catch()
export class MemoryErrorFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    super.catch(isMemoryGuardError(error) ? toHttp(error, response) : error, host);
  }
}

function toHttp(error: AnyMemoryGuardError, response: Response): Error {
  const { code, message } = error;
  if (code === 'ERR_INSUFFICIENT_MEMORY' || code === 'ERR_ADMISSION_TIMEOUT') {
    const { reason, shortfallBytes, retryAfterMs = RETRY_AFTER_MS } = error;
    const body = { error: message, code, reason, shortfallBytes };
    if (reason === 'too-large') return new HttpException(body, 507);
    setRetryAfter(response, retryAfterMs);
    return new HttpException(body, 503);
  }
  const unknown = code === 'ERR_MODEL_FILE' || code === 'ERR_UNKNOWN_MODEL';
  return unknown ? new HttpException({ error: message, code }, 404) : error;
}
