/** `run`: loads a model through the guard and streams its answer. The text goes to stdout, everything else to stderr. */
import {
  formatBytes,
  type GuardEventName,
  type GuardEventOf,
  type Guarded,
  type NexaModel,
  NexaSDK,
  withMemoryGuard,
} from '../../index.ts';
import { type Command, type Given, usage } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import { type Io, screenOf, writeJson } from '../io.ts';
import { LEDGER, ledgerIn } from '../query-guard.ts';
import { showProgress } from './load-progress-line.ts';

export const run: Command = {
  name: 'run',
  takes: ['model'],
  summary: 'Loads a model where it fits and prints its answer as it comes.',
  options: {
    prompt: { type: 'string', value: 'text', help: 'what to ask; with audio alone: what is said?' },
    audio: {
      type: 'string',
      value: 'file',
      multiple: true,
      help: 'a WAV, MP3 or FLAC file to listen to; may be repeated',
    },
    quantization: { type: 'string', value: 'q', help: 'begin with this one, not with the recommended' },
    context: { type: 'string', value: 'n', help: 'tokens of context; what fits of 2048 to 4096 without it' },
    'models-dir': { type: 'string', value: 'folder', help: 'where the model is looked for' },
    projector: { type: 'string', value: 'file', help: 'the projector, where it does not lie beside the model' },
    runtime: { type: 'string', value: 'name', help: 'nexa or llama' },
    'max-tokens': { type: 'string', value: 'n', help: 'the longest answer; 512 without it' },
    temperature: { type: 'string', value: 't', help: '0 always takes the likeliest token' },
    seed: { type: 'string', value: 'n', help: 'the same seed gives the same text' },
    wait: { type: 'string', value: 's', help: 'wait so many seconds until it fits' },
    force: { type: 'boolean', help: 'load it even where the rules refuse' },
    ...LEDGER,
  },
  examples: ['run qwen2audio --audio speech.wav', 'run ./model.gguf --prompt "Who are you?" --max-tokens 64'],
  async run(given, io) {
    const options = optionsIn(given);
    const nexa = withMemoryGuard(await NexaSDK.initialize(options.initialize), ledgerIn(given));
    const { said, quiet } = tellEvents(nexa.guard, io, given.flag('json'));
    try {
      const model = await load(nexa, options, io, quiet);
      const { text, interrupted } = await answer(model, options.generate, io, quiet);
      finish(nexa, model, { text, said, quiet }, io);
      return interrupted === undefined ? EXIT.done : interrupted === 'SIGINT' ? EXIT.interrupted : EXIT.ended;
    } finally {
      await nexa.dispose();
      nexa.guard.close();
    }
  },
};

type Sdk = Guarded<NexaSDK>;

function optionsIn(given: Given) {
  const [name = ''] = given.positionals;
  const audio = given.texts('audio');
  const prompt = given.text('prompt') ?? (audio.length > 0 ? 'What is said?' : undefined);
  if (prompt === undefined) throw usage('Expected `--prompt` with a text, or `--audio` with a file.');
  const waitSeconds = given.number('wait', 0.001);
  return {
    name,
    initialize: defined({ modelsDir: given.text('models-dir'), runtime: given.text('runtime') }) as object,
    load: {
      ...defined({
        quantization: given.text('quantization'),
        contextSize: given.whole('context', 2),
        projectorPath: given.text('projector'),
      }),
      memoryGuard: {
        ...(given.flag('force') && { force: true }),
        ...(waitSeconds !== undefined && { wait: { timeoutMs: Math.ceil(waitSeconds * 1000) } }),
      },
    },
    generate: {
      prompt,
      ...(audio.length > 0 && { audio }),
      ...defined({
        maxTokens: given.whole('max-tokens', 1),
        temperature: given.number('temperature', 0),
        seed: given.whole('seed', 0),
      }),
    },
  };
}

/** Each event is a line on stderr, or is kept for the object that `--json` prints. */
function tellEvents(guard: Sdk['guard'], { stderr, env }: Io, quiet: boolean) {
  const said: string[] = [];
  const { colors } = screenOf(stderr, env);
  const tell = ({ message }: { readonly message: string }) => {
    said.push(message);
    if (!quiet) stderr.write(`${colors.dim(message)}\n`);
  };
  const told: GuardEventName[] = ['admitted', 'downgraded', 'waiting', 'warning', 'critical', 'degraded'];
  for (const event of told) guard.on(event, tell);
  return { said, quiet };
}

/** Until it is loaded Ctrl-C ends the program at once: the engine hears nothing else while it reads a file. */
async function load(nexa: Sdk, { name, load: options }: ReturnType<typeof optionsIn>, io: Io, quiet: boolean) {
  let done = async () => {};
  const begin = ({ need }: GuardEventOf<'admitted' | 'downgraded'>) => {
    const bytes = need ? need.mappedBytes + need.anonymousBytes : 0;
    if (!quiet && bytes > 0) done = showProgress(io, `Loading ${formatBytes(bytes)}`, bytes);
  };
  nexa.guard.on('admitted', begin).on('downgraded', begin);
  try {
    return await nexa.loadModel(name, options);
  } finally {
    await done();
  }
}

async function answer(model: NexaModel, options: ReturnType<typeof optionsIn>['generate'], io: Io, quiet: boolean) {
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
      if (!quiet) io.stdout.write(piece);
    }
  } catch (error) {
    if (interrupted === undefined) throw error;
  } finally {
    stopListening();
  }
  if (!quiet) io.stdout.write('\n');
  return { text, interrupted };
}

function finish(
  { guard }: Sdk,
  model: NexaModel,
  { text, said, quiet }: { readonly text: string; readonly said: readonly string[]; readonly quiet: boolean },
  io: Io,
): void {
  const { name, quantization, contextSize, modelPath, lastResult } = model;
  const [held] = guard.models();
  if (quiet) {
    const { need, observed } = held ?? {};
    writeJson(io, {
      model: { name, quantization, contextSize, modelPath },
      text,
      result: lastResult,
      need,
      observed,
      said,
    });
  }
  if (quiet || !lastResult) return;
  const { colors } = screenOf(io.stderr, io.env);
  const { generatedTokens, promptTokens, totalMs, firstTextMs, finishReason } = lastResult;
  const first = firstTextMs === undefined ? '' : `, the first after ${seconds(firstTextMs)}`;
  const ended = `${generatedTokens} tokens in ${seconds(totalMs)}${first}, for ${promptTokens} of prompt; ended by: ${finishReason}.`;
  io.stderr.write(`${colors.dim(ended)}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function defined(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
