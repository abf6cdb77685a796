/** Answers of models, unless memory is short. */
import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Inject, Param, Post, StreamableFile, UseFilters, UseGuards } from '@nestjs/common';
import { MemoryErrorFilter } from './memory-error.filter.ts';
import { Models } from './models.ts';
import { RefuseWhenCritical } from './refuse-when-critical.ts';

@Controller('ask')
@UseGuards(RefuseWhenCritical)
@UseFilters(MemoryErrorFilter)
export class AskController {
  readonly #models: Models;

  constructor(@Inject(Models) models: Models) {
    this.#models = models;
  }

  /** A client that goes away ends the stream, and that stops the model. */
  @Post(':file')
  @HttpCode(200)
  async ask(@Param('file') file: string, @Body() { prompt }: { prompt: string }): Promise<StreamableFile> {
    const model = await this.#models.get(file);
    const answer = Readable.from(model.generate({ prompt, maxTokens: 64 }), { objectMode: false });
    return new StreamableFile(answer, { type: 'text/plain; charset=utf-8' });
  }
}
