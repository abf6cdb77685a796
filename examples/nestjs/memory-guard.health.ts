/** Whether this server should be sent requests, by its memory. */
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { MemoryGuard } from 'nexa-memory-guard';
import { MEMORY_GUARD } from './tokens.ts';

@Injectable()
export class MemoryGuardHealthIndicator implements OnModuleDestroy {
  readonly #guard: MemoryGuard;
  readonly #health: HealthIndicatorService;
  #leaving = false;

  constructor(
    @Inject(MEMORY_GUARD) guard: MemoryGuard,
    @Inject(HealthIndicatorService) health: HealthIndicatorService,
  ) {
    this.#guard = guard;
    this.#health = health;
  }

  /** Down while memory is critical, and once the server was told to end. Memory that can't be read is not known to be there. */
  check<const Key extends string>(key: Key): HealthIndicatorResult<Key> {
    const session = this.#health.check(key);
    if (this.#leaving) return session.down('This server is about to end.');
    try {
      const { status: level, headroomBytes, minFreeBytes } = this.#guard.status();
      const numbers = { level, headroomBytes, minFreeBytes };
      return level === 'critical' ? session.down(numbers) : session.up(numbers);
    } catch (error) {
      return session.down(error instanceof Error ? error.message : String(error));
    }
  }

  /** The first that Nest calls when it shuts down, while the server still answers. */
  onModuleDestroy(): void {
    this.#leaving = true;
  }
}
