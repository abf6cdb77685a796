/** Finds real children, their children and those that a thread made, by both of the kernel's ways to tell, and no other process. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listProcessTree } from '../../src/processes/process-tree.ts';
import { GroupProgram, hasEnded, waitUntil } from '../support/group-program.ts';

/** Has two children, of which one has a child, and a thread that has another child. It says their pids. */
const PROGRAM = `
const { spawn } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const sleep = spawn('sleep', ['30']).pid;
const shell = spawn('/bin/sh', ['-c', 'sleep 30 & echo $!; wait']);
const thread = new Worker(
  "require('node:worker_threads').parentPort.postMessage(require('node:child_process').spawn('sleep', ['30']).pid)",
  { eval: true },
);
shell.stdout.once('data', (below) => {
  thread.once('message', (ofThread) => console.log(JSON.stringify([sleep, shell.pid, Number(below), ofThread])));
});
`;

const sorted = (pids: readonly number[]) => [...pids].sort((a, b) => a - b);

/** A /proc that shows these processes as the real one does, of a kernel that tells no children. */
function makeProc(pids: readonly number[]): string {
  const root = mkdtempSync(join(tmpdir(), 'nexa-memory-guard-proc-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const pid of pids) symlinkSync(`/proc/${pid}`, join(root, String(pid)));
  return root;
}

describe.skipIf(process.platform !== 'linux')('the tree of a process', () => {
  it('has all its descendants, those of its threads too, and not its parent', async () => {
    const parent = new GroupProgram(['-e', PROGRAM]);
    const other = new GroupProgram(['-c', 'echo 1; sleep 30; true'], '/bin/sh');
    await other.next();
    const below = (await parent.next()) as number[];
    const [sleep = 0, shell = 0, belowShell = 0] = below;
    expect(listProcessTree(parent.pid)[0]).toBe(parent.pid);
    expect(sorted(listProcessTree(parent.pid))).toEqual(sorted([parent.pid, ...below]));
    expect(sorted(listProcessTree(shell))).toEqual(sorted([shell, belowShell]));
    expect(listProcessTree(process.pid)).toEqual(expect.arrayContaining([parent.pid, other.pid, ...below]));

    process.kill(sleep, 'SIGKILL');
    await waitUntil(() => hasEnded(sleep) && !listProcessTree(parent.pid).includes(sleep), 5000);
    expect(sorted(listProcessTree(parent.pid))).toEqual(sorted([parent.pid, ...below.slice(1)]));
  });

  it('is the same by the parent of every process, if the kernel tells no children', async () => {
    const parent = new GroupProgram(['-e', PROGRAM]);
    const below = (await parent.next()) as number[];
    const [, shell = 0, belowShell = 0] = below;
    const root = makeProc([process.pid, parent.pid, ...below]);
    // Files that are no process, and one that has ended since the folder was read.
    writeFileSync(join(root, 'meminfo'), '');
    mkdirSync(join(root, '4194304'));
    expect(sorted(listProcessTree(parent.pid, 'linux', root))).toEqual(sorted([parent.pid, ...below]));
    expect(sorted(listProcessTree(shell, 'linux', root))).toEqual(sorted([shell, belowShell]));
    expect(listProcessTree(belowShell, 'linux', root)).toEqual([belowShell]);
  });

  it('is the process alone if there is no such process, or nothing that tells', () => {
    expect(listProcessTree(4_194_304)).toEqual([4_194_304]);
    expect(listProcessTree(4711, 'linux', '/no/such/proc')).toEqual([4711]);
  });
});

it.each(['darwin', 'win32'] as const)('the tree of a process is the process alone on %s', (platform) => {
  expect(listProcessTree(process.pid, platform)).toEqual([process.pid]);
});
