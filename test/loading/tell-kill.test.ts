import { describe, expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import type { KillerScope, ProcessEnd } from '../../src/core/model-process.ts';
import { describeKill } from '../../src/loading/tell-kill.ts';
import { HeldProcess } from '../../src/models/held-process.ts';
import { settled } from '../support/fake-sdk.ts';
import { ScriptedProcess } from '../support/scripted-processes.ts';

const MODEL = {
  model: 'm',
  quantization: 'Q4_0',
  need: { mappedBytes: 0, anonymousBytes: 64 * MiB, basis: 'given' },
  reloads: false,
} as const;

async function tell(end: Partial<ProcessEnd>, killer?: KillerScope, model: Parameters<typeof describeKill>[0] = MODEL) {
  const process = new ScriptedProcess();
  const held = new HeldProcess(process, process.probe);
  if (killer) process.kills.push(killer);
  process.end(end);
  await settled();
  return { pid: process.pid, told: describeKill(model, held) };
}

describe('what is told of a process that was killed', () => {
  it('names the scope whose memory had run out, if the kernel ended it', async () => {
    const { pid, told } = await tell({ signal: 'SIGKILL' }, { kind: 'cgroup-v1', path: '/a', own: true });
    expect(told).toEqual({
      ...MODEL,
      pid,
      signal: 'SIGKILL',
      hung: false,
      byKernel: true,
      scope: { kind: 'cgroup-v1', path: '/a' },
      heldBytes: 10 * MiB,
      message: `The process ${pid} of m Q4_0 was ended by the kernel, since the memory of /a had run out. It held 10.0 MiB of anonymous memory, where 64.0 MiB had been reserved.`,
    });
  });

  it('says that nothing was reserved where nobody knew the need', async () => {
    const unknown = { ...MODEL, need: { mappedBytes: 0, anonymousBytes: 0, basis: 'unknown' } as const };
    const { told } = await tell({ signal: 'SIGKILL' }, undefined, unknown);
    expect(told.message).toContain('where nothing, since nobody knew what it needs, had been reserved.');
    expect(told.message).not.toContain('0 B');
  });

  it('names the signal, the exit code, or that it no longer answered, if it was not the kernel', async () => {
    const { told: signal } = await tell({ signal: 'SIGTERM' });
    expect(signal).toMatchObject({ signal: 'SIGTERM', byKernel: false, hung: false });
    expect(signal.message).toContain('was ended by SIGTERM.');
    expect(signal).not.toHaveProperty('scope');
    const { told: exit } = await tell({ exitCode: 3 });
    expect(exit).toMatchObject({ exitCode: 3, byKernel: false });
    expect(exit).not.toHaveProperty('signal');
    expect(exit.message).toContain('ended with exit code 3.');
    const { told: hung } = await tell({ signal: 'SIGKILL', hung: true });
    expect(hung).toMatchObject({ signal: 'SIGKILL', hung: true, byKernel: false });
    expect(hung.message).toContain('no longer answered and was ended.');
  });

  it('says that the next call loads it again, if it does', async () => {
    const { told } = await tell({ exitCode: 0 }, undefined, { ...MODEL, reloads: true });
    expect(told.message).toMatch(/The next call loads it again\.$/);
    expect((await tell({ exitCode: 0 })).told.message).not.toContain('again');
  });

  it('leaves out what it held where the system doesn’t tell', () => {
    const told = describeKill(MODEL, new HeldProcess(new ScriptedProcess(), undefined));
    expect(told).not.toHaveProperty('heldBytes');
    expect(told.message).not.toContain('held');
  });
});
