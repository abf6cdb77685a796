/**
 * A NestJS server whose answers come from local models. `/ready` is 503 while memory is critical and once the server is about to end, `/live` is 200
 * for as long as it answers at all. A model that doesn't fit now is 503 with Retry-After, one that is too large for this machine 507.
 *
 *   npm install @nestjs/common @nestjs/core @nestjs/platform-express @nestjs/terminus rxjs reflect-metadata
 *   npm install nexa-memory-guard @fugood/llama.node
 *   npx tsc && node build/main.js FOLDER [PORT]     # HOST=0.0.0.0 in a container
 *   curl -d '{"prompt":"Who are you?"}' -H 'content-type: application/json' localhost:3000/ask/Qwen2-Audio-7B-Q4_0.gguf
 */
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.ts';

const [folder = 'models', port = '3000'] = process.argv.slice(2);
const app = await NestFactory.create(AppModule.forModels(folder, { evict: 'idle', reload: true, logger: console }));
// SIGTERM: not ready, five seconds in which requests are still answered, open requests to their end, models, guard.
app.enableShutdownHooks();
await app.listen(Number(port), process.env['HOST'] ?? 'localhost');
console.log(`Listening on ${await app.getUrl()}`);
