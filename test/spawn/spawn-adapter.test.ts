import { expect, it, onTestFinished, vi } from 'vitest';
import { runSpawn, spawnAdapter } from '../../src/spawn/spawn-adapter.ts';
import { readSpawnCall, type SpawnChoice, type SpawnProgramOptions } from '../../src/spawn/spawn-options.ts';
import type { SpawnedProgram } from '../../src/spawn/spawned-program.ts';

const args = ({ contextSize }: SpawnChoice) => ['-e', `setInterval(() => {}, ${contextSize ?? 1000})`];

function read(options: SpawnProgramOptions) {
  const call = readSpawnCall(process.execPath, args, options);
  return { call, adapter: spawnAdapter(call) };
}

it('the options of a load stand beside those of the program', () => {
  const { call, adapter } = read({
    footprint: 1,
    pin: true,
    name: 'a',
    stopTimeoutMs: 5,
    contextSize: 8,
    modelPath: '/a',
  });
  expect(adapter.readRequest([call])).toEqual({
    name: 'a',
    memoryGuard: { footprint: 1, pin: true },
    shape: { contextSize: 8 },
  });
});

it('a program without a context asks for none', () => {
  const { call, adapter } = read({ footprint: 1 });
  expect(adapter.readRequest([call])).toEqual({ name: process.execPath, memoryGuard: { footprint: 1 } });
});

it('its file is the only one on offer, and without a file there is none', async () => {
  const { call, adapter } = read({ modelPath: '/a.gguf', projectorPath: '/p.gguf' });
  expect(await adapter.listOffers!([call])).toEqual([{ modelPath: '/a.gguf', projectorPath: '/p.gguf' }]);
  const alone = read({ modelPath: '/a.gguf' });
  expect(await alone.adapter.listOffers!([alone.call])).toEqual([{ modelPath: '/a.gguf' }]);
  const none = read({ footprint: 1 });
  expect(await none.adapter.listOffers!([none.call])).toEqual([]);
});

it('what was chosen reaches the call, which stays as it was', () => {
  const { call, adapter } = read({ modelPath: '/a.gguf' });
  expect(adapter.withQuantization([call], undefined, '/a.gguf')).toEqual([call]);
  const [chosen] = adapter.withShape!([call], { contextSize: 512 });
  expect(chosen).toMatchObject({ chosen: { contextSize: 512, modelPath: '/a.gguf' } });
  expect(adapter.withShape!([call], {})).toEqual([call]);
  expect(call.chosen).toEqual({ modelPath: '/a.gguf' });
});

it('a use of it is a call of the model, and nothing else is', () => {
  const { adapter } = read({ footprint: 1 });
  expect(['use', 'stop', 'toString'].map((name) => adapter.isInference(name))).toEqual([true, false, false]);
  expect(adapter.hasAudio([])).toBe(false);
  expect(adapter.disposers).toContain('stop');
});

it('says what becomes of it if it is killed or idle, only where its user does', () => {
  const { adapter } = read({ footprint: 1, onKilled: 'reload', containment: 'off', keepAliveMs: 5 });
  expect(adapter).toMatchObject({
    keepAliveMs: 5,
    processes: { shared: false, onKilled: 'reload', containment: 'off' },
  });
  const silent = read({ footprint: 1 }).adapter;
  expect(silent).not.toHaveProperty('keepAliveMs');
  expect(Object.keys(silent.processes!)).toEqual(['shared', 'withListener']);
});

it('runs the program, and tells of its process first', async () => {
  const { call, adapter } = read({ footprint: 1, stopTimeoutMs: 100 });
  const started = vi.fn();
  const program = (await runSpawn(adapter.processes!.withListener([call], started))) as SpawnedProgram;
  onTestFinished(() => program.stop());
  expect(started).toHaveBeenCalledExactlyOnceWith(program);
});
