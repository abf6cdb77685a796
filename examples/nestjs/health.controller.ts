/** What an orchestrator asks. */
import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { MemoryGuardHealthIndicator } from './memory-guard.health.ts';

@Controller()
export class HealthController {
  readonly #health: HealthCheckService;
  readonly #memory: MemoryGuardHealthIndicator;

  constructor(
    @Inject(HealthCheckService) health: HealthCheckService,
    @Inject(MemoryGuardHealthIndicator) memory: MemoryGuardHealthIndicator,
  ) {
    this.#health = health;
    this.#memory = memory;
  }

  /** 503 while requests had better go elsewhere. */
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.#health.check([() => this.#memory.check('memory')]);
  }

  /** Never looks at memory: a restart would lose the models and load them again into the same memory. */
  @Get('live')
  live() {
    return { status: 'ok' };
  }
}
