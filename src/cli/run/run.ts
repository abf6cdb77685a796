/** `run`: loads a model through the guard and streams its answer. The text goes to stdout, everything else to stderr. */

import { DEFAULT_AUDIO_SECONDS } from '../../core/audio-bytes.ts';
import { DEFAULT_IMAGE_PIXELS } from '../../core/image-pixels.ts';
import { neededBytes } from '../../core/needed-bytes.ts';
import { printableLines } from '../../core/printable.ts';
import { flag, INT32_MAX, numberFrom, oneOf, path, text, wholeNumber } from '../../core/validate.ts';
import {
  formatBytes,
  type GuardEventName,
  type GuardEventOf,
  type Guarded,
  type NexaModel,
  NexaSDK,
  withMemoryGuard,
} from '../../index.ts';
import { limitAudio, refuseLongAudio } from '../../sdk/audio/longest-audio.ts';
import { checkAudioFile, checkImageFile } from '../../sdk/media-file.ts';
import { usageError } from '../arguments.ts';
import type { Command, CommandArguments, OptionSpecs } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { FLOOR_OPTION } from '../floor-option.ts';
import { FOOTPRINT_OPTION, selectFootprint } from '../footprint-option.ts';
import { detectScreen, type Io, writeJson } from '../io.ts';
import { RESERVE_OPTIONS, selectReserves } from '../min-free-option.ts';
import { nameFlags } from '../name-flags.ts';
import { typedNumber } from '../option-checks.ts';
import { LEDGER_OPTION, selectLedger } from '../query-guard.ts';
import { showLoadProgressLine } from './load-progress-line.ts';

const OPTIONS = {
  prompt: { value: 'text', check: text, fills: ['prompt'], help: 'what to ask; with audio alone: what is said?' },
  audio: {
    value: 'file',
    repeatable: true,
    check: path,
    fills: ['audio'],
    help: 'a WAV, MP3 or FLAC file to listen to; may be repeated',
  },
  image: {
    value: 'file',
    repeatable: true,
    check: path,
    fills: ['images'],
    help: 'a PNG, JPEG, BMP or GIF file to look at; may be repeated',
  },
  quantization: {
    value: 'q',
    check: text,
    fills: ['quantization'],
    help: 'begin with this one, not with the recommended',
  },
  ...FLOOR_OPTION,
  context: {
    value: 'n',
    check: typedNumber(wholeNumber(2)),
    fills: ['contextSize'],
    help: 'tokens of context; what fits of 2048 to 4096 without it',
  },
  'models-dir': { value: 'folder', check: path, fills: ['modelsDir'], help: 'where the model is looked for' },
  projector: {
    value: 'file',
    check: path,
    fills: ['projectorPath'],
    help: 'the projector, if it does not lie beside the model',
  },
  runtime: { value: 'name', check: oneOf('nexa', 'llama'), fills: ['runtime'], help: 'nexa or llama' },
  'max-tokens': {
    value: 'n',
    check: typedNumber(wholeNumber(1)),
    fills: ['maxTokens'],
    help: 'the longest answer; 512 without it',
  },
  temperature: {
    value: 't',
    check: typedNumber(numberFrom(0)),
    fills: ['temperature'],
    help: '0 always takes the likeliest token',
  },
  'max-audio-seconds': {
    value: 's',
    check: typedNumber(numberFrom(1)),
    fills: ['maxAudioSeconds'],
    help: 'the longest sound, for which memory is kept',
  },
  'max-image-pixels': {
    value: 'n',
    check: typedNumber(wholeNumber(1)),
    fills: ['maxImagePixels'],
    help: 'the largest picture, for which memory is kept',
  },
  seed: { value: 'n', check: typedNumber(wholeNumber(0)), fills: ['seed'], help: 'the same seed gives the same text' },
  wait: {
    value: 's',
    // A timer waits for so many milliseconds at the most.
    check: typedNumber(numberFrom(0.001, Math.floor(INT32_MAX / 1000))),
    help: 'wait so many seconds until it fits',
  },
  force: { check: flag, fills: ['force', 'memoryGuard: { force: true }'], help: 'load it even if the rules refuse' },
  ...RESERVE_OPTIONS,
  ...FOOTPRINT_OPTION,
  ...LEDGER_OPTION,
} satisfies OptionSpecs;

export const run: Command<typeof OPTIONS> = {
  name: 'run',
  takes: ['model'],
  summary: 'Loads a model that fits and prints its answer as it comes.',
  options: OPTIONS,
  examples: ['run qwen2audio --audio speech.wav', 'run ./model.gguf --prompt "Who are you?" --max-tokens 64'],
  async run(given, io) {
    const { initialize, load, generate } = readRunOptions(given);
    const [name] = given.positionals;
    const { floor } = given.options;
    const guardOptions = {
      ...selectLedger(given.options),
      ...selectReserves(given.options),
      ...(floor && { floor }),
    };
    const walls = given.options['write-nothing'] && ({ containment: 'off' } as const);
    await checkMedia(given.options);
    const nexa = withMemoryGuard(await NexaSDK.initialize({ ...initialize, ...walls }), guardOptions);
    const { json } = given;
    const said = reportEvents(nexa.guard, io, json);
    try {
      const model = await loadModel(nexa, { name: name!, options: load }, io, json);
      const { text, interrupted } = await streamAnswer(model, generate, io, json);
      if (json) writeJson(io, describeRun(nexa.guard, model, { text, said }));
      else printResult(model, io);
      return interrupted === undefined ? EXIT.done : interrupted === 'SIGINT' ? EXIT.interrupted : EXIT.ended;
    } finally {
      await nexa.dispose();
      nexa.guard.close();
    }
  },
};

type Sdk = Guarded<NexaSDK>;

/** What each call of the SDK is given. */
function readRunOptions({ options }: CommandArguments<typeof OPTIONS>) {
  const { audio = [], image: images = [], wait: waitSeconds } = options;
  const usual = audio.length > 0 ? 'What is said?' : images.length > 0 ? 'What is shown?' : undefined;
  const prompt = options.prompt ?? usual;
  if (prompt === undefined) throw usageError('Expected `--prompt` with a text, or `--audio` or `--image` with a file.');
  return {
    initialize: omitUndefined({ modelsDir: options['models-dir'], runtime: options.runtime }),
    load: {
      ...omitUndefined({
        quantization: options.quantization,
        contextSize: options.context,
        projectorPath: options.projector,
        maxAudioSeconds: options['max-audio-seconds'],
        maxImagePixels: options['max-image-pixels'],
      }),
      memoryGuard: {
        ...selectFootprint(options),
        ...(options.force && { force: true }),
        ...(waitSeconds !== undefined && { wait: { timeoutMs: Math.ceil(waitSeconds * 1000) } }),
      },
    },
    generate: {
      prompt,
      ...(audio.length > 0 && { audio }),
      ...(images.length > 0 && { images }),
      ...omitUndefined({
        maxTokens: options['max-tokens'],
        temperature: options.temperature,
        seed: options.seed,
      }),
    },
  };
}

/** A load takes a while, and a file that can't be heard or seen is known before. What the model takes of it, only the model knows. */
async function checkMedia({
  audio = [],
  image: images = [],
  'max-audio-seconds': mostSeconds = DEFAULT_AUDIO_SECONDS,
  'max-image-pixels': mostPixels = DEFAULT_IMAGE_PIXELS,
}: CommandArguments<typeof OPTIONS>['options']): Promise<void> {
  const sounds = await Promise.all(audio.map(checkAudioFile));
  const seconds = sounds.map((sound) => sound.seconds);
  refuseLongAudio(seconds, limitAudio(undefined, mostSeconds));
  await Promise.all(images.map((each) => checkImageFile(each, mostPixels)));
}

type RunOptions = ReturnType<typeof readRunOptions>;

/** Each event is a line on stderr, unless it is `quiet`. Returns the list to which the messages are added. */
function reportEvents(guard: Sdk['guard'], { stderr, env }: Io, quiet: boolean): readonly string[] {
  const said: string[] = [];
  const { colors } = detectScreen(stderr, env);
  const report = (event: { readonly message: string }) => {
    const message = nameFlags(event.message, OPTIONS);
    said.push(message);
    if (!quiet) stderr.write(`${colors.dim(message)}\n`);
  };
  const reported: readonly GuardEventName[] = ['admitted', 'downgraded', 'waiting', 'warning', 'critical', 'degraded'];
  for (const event of reported) guard.on(event, report);
  return said;
}

/** Until it is loaded Ctrl-C ends the program at once: the engine hears nothing else while it reads a file. */
async function loadModel(
  nexa: Sdk,
  { name, options }: { readonly name: string; readonly options: RunOptions['load'] },
  io: Io,
  quiet: boolean,
): Promise<NexaModel> {
  let removeLine = async () => {};
  const showLine = ({ need }: GuardEventOf<'admitted' | 'downgraded'>) => {
    if (quiet || !need) return;
    const bytes = neededBytes(need);
    if (bytes > 0) removeLine = showLoadProgressLine(io, `Loading ${formatBytes(bytes)}`, bytes);
  };
  nexa.guard.on('admitted', showLine).on('downgraded', showLine);
  try {
    return await nexa.loadModel(name, options);
  } finally {
    await removeLine();
  }
}

async function streamAnswer(model: NexaModel, options: RunOptions['generate'], io: Io, quiet: boolean) {
  const stop = new AbortController();
  let interrupted: 'SIGINT' | 'SIGTERM' | undefined;
  const stopListening = io.onInterrupt((signal) => {
    interrupted = signal;
    stop.abort();
    // The engine stops at its next token; a second time ends the program at once.
    stopListening();
    io.stderr.write('\nStopping at the next token; once more to end at once.\n');
  });
  let text = '';
  try {
    for await (const piece of model.generate({ ...options, signal: stop.signal })) {
      text += piece;
      // A terminal would obey what the model writes.
      if (!quiet) io.stdout.write(io.stdout.isTTY ? printableLines(piece) : piece);
    }
  } catch (error) {
    if (interrupted === undefined) throw error;
  } finally {
    stopListening();
  }
  if (!quiet) io.stdout.write('\n');
  return { text, interrupted };
}

/** What `--json` prints. */
function describeRun(
  guard: Sdk['guard'],
  { name, quantization, contextSize, modelPath, lastResult }: NexaModel,
  { text, said }: { readonly text: string; readonly said: readonly string[] },
): object {
  const [loaded] = guard.models();
  return {
    model: { name, quantization, contextSize, modelPath },
    text,
    result: lastResult,
    need: loaded?.need,
    observed: loaded?.observed,
    said,
  };
}

function printResult({ lastResult }: NexaModel, { stderr, env }: Io): void {
  if (!lastResult) return;
  const { generatedTokens, promptTokens, totalMs, firstTextMs, finishReason } = lastResult;
  const first = firstTextMs === undefined ? '' : `, the first after ${formatTime(firstTextMs)}`;
  const ended = `${generatedTokens} tokens in ${formatTime(totalMs)}${first}, after a prompt of ${promptTokens}; ended by: ${finishReason}.`;
  stderr.write(`${detectScreen(stderr, env).colors.dim(ended)}\n`);
}

function formatTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** The types of the SDK's options know no option that is present and `undefined`. */
function omitUndefined<T extends object>(options: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
