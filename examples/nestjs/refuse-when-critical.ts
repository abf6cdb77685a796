/** Turns requests away while memory is critical. */
import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import type { MemoryGuard } from 'nexa-memory-guard';
import { RETRY_AFTER_MS, setRetryAfter } from './memory-error.filter.ts';
import { MEMORY_GUARD } from './tokens.ts';

@Injectable()
export class RefuseWhenCritical implements CanActivate {
  readonly #guard: MemoryGuard;

  constructor(@Inject(MEMORY_GUARD) guard: MemoryGuard) {
    this.#guard = guard;
  }

  canActivate(context: ExecutionContext): true {
    const { status, headroomBytes, minFreeBytes } = this.#guard.status();
    if (status !== 'critical') return true;
    setRetryAfter(context.switchToHttp().getResponse(), RETRY_AFTER_MS);
    throw new HttpException({ error: 'Memory is short.', headroomBytes, minFreeBytes }, 503);
  }
}
