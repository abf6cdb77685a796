// What both examples do once they have an SDK: guard it, load a model, ask it something, tell what it took.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatBytes, withMemoryGuard } from 'nexa-memory-guard';

/**
 * @param {import('nexa-memory-guard').NexaSDK} sdk
 * @param {readonly string[]} args a model by path or name and an audio file; without them a tiny synthetic model babbles
 */
export async function talk(sdk, [model, audio]) {
  const files = model === undefined ? await makeSyntheticFiles() : { model, audio, remove() {} };
  const nexa = withMemoryGuard(sdk);
  nexa.guard.on('loaded', (event) => console.log(event.message));
  nexa.guard.on('warning', (event) => console.warn(event.message));
  try {
    console.log(`${nexa.runtime.name} ${nexa.version}, ${formatBytes(nexa.guard.headroomBytes())} of headroom`);
    const loaded = await nexa.loadModel(files.model, { contextSize: 2048 });
    const heard = files.audio !== undefined && loaded.capabilities.audio ? { audio: files.audio } : {};
    for await (const text of loaded.generate({ prompt: 'What is said?', ...heard, maxTokens: 60 }))
      process.stdout.write(text);
    const { finishReason, promptTokens, generatedTokens, profile } = loaded.lastResult ?? {};
    const speed = profile?.tokensPerSecond?.toFixed(1);
    console.log(`\n${promptTokens} + ${generatedTokens} tokens at ${speed}/s, ended by: ${finishReason}`);
    await loaded.dispose();
  } finally {
    nexa.guard.close();
    await nexa.dispose();
    files.remove();
  }
}

/** Only the repository can make such models. */
async function makeSyntheticFiles() {
  const maker = new URL('../tools/synthetic-model.mjs', import.meta.url);
  if (!existsSync(maker))
    throw new Error('Expected the path or the name of a model as the first argument, found none.');
  const { writeAudioProjector, writeLanguageModel, writeTone } = await import(maker.href);
  const folder = mkdtempSync(path.join(tmpdir(), 'nexa-memory-guard-example-'));
  const at = (/** @type {string} */ name) => path.join(folder, name);
  writeLanguageModel(at('qwen2audio-Q4_K_M.gguf'));
  writeAudioProjector(at('mmproj-qwen2audio.gguf'), { type: 'F16' });
  writeTone(at('tone.wav'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { model: at('qwen2audio-Q4_K_M.gguf'), audio: at('tone.wav'), remove };
}
