/** The one guard of the program, the SDK behind it, and the end of both. */
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import {
  createMemoryGuard,
  type GuardedBy,
  type MemoryGuard,
  type MemoryGuardOptions,
  NexaSDK,
} from 'nexa-memory-guard';
import { MemoryGuardHealthIndicator } from './memory-guard.health.ts';
import { MEMORY_GUARD, NEXA } from './tokens.ts';

export type GuardedNexa = GuardedBy<MemoryGuard, NexaSDK>;

@Module({})
export class MemoryGuardModule implements OnApplicationShutdown {
  readonly #guard: MemoryGuard;
  readonly #nexa: GuardedNexa;

  constructor(@Inject(MEMORY_GUARD) guard: MemoryGuard, @Inject(NEXA) nexa: GuardedNexa) {
    this.#guard = guard;
    this.#nexa = nexa;
  }

  static forRoot(options?: MemoryGuardOptions): DynamicModule {
    return {
      module: MemoryGuardModule,
      global: true,
      imports: [TerminusModule],
      providers: [
        { provide: MEMORY_GUARD, useFactory: () => createMemoryGuard(options) },
        {
          provide: NEXA,
          useFactory: async (guard: MemoryGuard) => guard.wrap(await NexaSDK.initialize()),
          inject: [MEMORY_GUARD],
        },
        MemoryGuardHealthIndicator,
      ],
      exports: [MEMORY_GUARD, NEXA, MemoryGuardHealthIndicator],
    };
  }

  /** Open requests have been answered: Nest has closed the server before. */
  async onApplicationShutdown(): Promise<void> {
    await this.#nexa.dispose();
    this.#guard.close();
  }
}
