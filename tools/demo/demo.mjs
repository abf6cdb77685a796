#!/usr/bin/env node
/** `npm run demo`: shows the guard at work on a real engine, under a real memory limit if it may set one. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes, machineReport } from 'nexa-memory-guard';
import { ControlGroup } from '../control-groups.mjs';
import { describeOwnFiles, makeFiles } from './files.mjs';
import { runLife } from './life.mjs';

const USAGE = `usage: npm run demo                                             small synthetic models
       npm run demo -- --full                                   the shapes of Qwen2-Audio 7B, about 8 GiB of memory
       npm run demo -- --model F --projector P --audio A.wav    your own files`;

/** @typedef {{ files: import('./files.mjs').Files, full: boolean, group?: ControlGroup, limitNote: string }} Scene the group only with its fields */

if (process.send) await runChild();
else process.exitCode = await runParent();

/** Makes the files and the limit, watches the child live under it, and cleans up whatever happens to it. */
async function runParent() {
  const options = readArguments();
  if (!options) return 2;
  const { full, model, projector, audio } = options;
  // Whoever ends the demo early ends the child; this process stays to clean up after both.
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let life;
  let ended = false;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])) {
    process.on(signal, () => {
      ended = true;
      life?.kill(signal);
    });
  }
  // `npm run demo | head` closes the pipe early: that is no fault, and ends the demo.
  let unread = false;
  process.stdout.on('error', () => {
    unread = true;
    life?.kill();
  });
  const { os, cpu, cores, node, addon, machineClass } = await machineReport();
  console.log(
    `${os}, ${cores} x ${cpu}, Node ${node}; memory for Qwen2-Audio: ${machineClass}; native addon: ${addon}`,
  );
  if (full) console.log('Writing the 7B shapes as sparse files...');
  const files = model && projector && audio ? describeOwnFiles(model, projector, audio) : await makeFiles(full);
  const { group, limitNote } = files.temporary
    ? makeLimitedGroup()
    : { limitNote: "none is set for your own files: the machine's own memory decides" };
  try {
    // Signals that came while the files were written are heard now.
    await new Promise((resolve) => setTimeout(resolve));
    if (ended) return 1;
    if (unread) return 0;
    // What is learned of models that are thrown away does not belong in the user's cache.
    const env = files.temporary ? { ...process.env, XDG_CACHE_HOME: files.directory } : process.env;
    life = fork(fileURLToPath(import.meta.url), { serialization: 'advanced', env });
    life.send({ files, full, group, limitNote });
    const progress = full && group ? showUsage(group) : undefined;
    const [code, signal] = await once(life, 'exit');
    clearInterval(progress);
    if (unread) return 0;
    if (signal) console.error(`\nThe demo was ended by ${signal}.`);
    return code ?? 1;
  } finally {
    if (files.temporary) rmSync(files.directory, { recursive: true });
    await group?.remove();
  }
}

/** The child sets its limit, when it knows what its models need. */
function makeLimitedGroup() {
  try {
    const group = ControlGroup.create(`nexa-memory-guard-demo-${process.pid}`);
    return { group, limitNote: 'a control group made for this demo' };
  } catch (error) {
    return { group: undefined, limitNote: `an injected one, since ${/** @type {Error} */ (error).message}` };
  }
}

/** Lives in the group, so that the limit holds for the guard, the engine and the program beside them. */
async function runChild() {
  const [scene] = /** @type {[Scene]} */ (await once(process, 'message'));
  process.stdout.on('error', ({ code }) => process.exit(code === 'EPIPE' ? 0 : 1));
  // Without its parent nobody would clean up after it.
  process.on('disconnect', () => process.exit(1));
  process.channel?.unref();
  const group = scene.group && new ControlGroup(scene.group);
  group?.enter(process.pid);
  try {
    await runLife({ ...scene, limitFile: group?.limitFile });
  } catch (error) {
    const { code, message } = /** @type {Error & { code?: string }} */ (error);
    console.error(`\n${code ?? 'Error'}: ${message}`);
    process.exitCode = 1;
  }
}

/** A load blocks the child's event loop for seconds, so its memory is shown from here. @param {ControlGroup} group */
function showUsage(group) {
  let shownBytes = 0;
  return setInterval(() => {
    const bytes = group.readUsedBytes();
    if (Math.abs(bytes - shownBytes) < 512 * 2 ** 20) return;
    shownBytes = bytes;
    console.log(`  ...          the group holds ${formatBytes(bytes)}`);
  }, 500);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        full: { type: 'boolean', default: false },
        model: { type: 'string' },
        projector: { type: 'string' },
        audio: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const own = [values.model, values.projector, values.audio].filter((value) => value !== undefined).length;
    const missing = /** @type {const} */ (['model', 'projector', 'audio']).find(
      (key) => values[key] && !existsSync(values[key]),
    );
    if (missing) {
      console.error(`Expected --${missing} to be a file, found nothing at ${values[missing]}.`);
      return undefined;
    }
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (own === 0 || own === 3) return values;
    console.error('--model, --projector and --audio go together.');
  } catch (error) {
    console.error(/** @type {Error} */ (error).message);
  }
  console.error(USAGE);
  return undefined;
}
