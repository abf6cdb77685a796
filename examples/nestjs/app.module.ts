/** The server put together: one guard for the whole program, the health of memory, and models that answer. */
import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import type { MemoryGuardOptions } from 'nexa-memory-guard';
import { AskController } from './ask.controller.ts';
import { HealthController } from './health.controller.ts';
import { type GuardedNexa, MemoryGuardModule } from './memory-guard.module.ts';
import { Models } from './models.ts';
import { NEXA } from './tokens.ts';

/** How long a server that was told to end still answers, until nobody sends it requests any more. */
const DRAIN_MS = 5000;

@Module({})
export class AppModule {
  static forModels(folder: string, options?: MemoryGuardOptions, drainMs = DRAIN_MS): DynamicModule {
    return {
      module: AppModule,
      imports: [
        MemoryGuardModule.forRoot(options),
        // To be not ready is no error, and would be logged as one at each probe.
        TerminusModule.forRoot({ gracefulShutdownTimeoutMs: drainMs, logger: false }),
      ],
      controllers: [AskController, HealthController],
      providers: [{ provide: Models, useFactory: (nexa: GuardedNexa) => new Models(nexa, folder), inject: [NEXA] }],
    };
  }
}
