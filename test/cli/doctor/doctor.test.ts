/** `doctor` in this process, with the real machine, ledger and runtimes. */
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withMemoryGuard } from '../../../src/index.ts';
import { describeContainment } from '../../../src/processes/containment.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { runCommand, runCommandForJson } from '../../support/run-command.ts';

describe('doctor', () => {
  it('tells what was read from where, what binds and which runtimes there are', async () => {
    const { code, out, err } = await runCommand('doctor');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const label of [
      'System',
      'Memory',
      'Binds',
      'Read from',
      'Addon',
      'Headroom',
      'Ledger',
      'Walls',
      'Runtimes',
      'To change',
    ]) {
      expect(out).toMatch(new RegExp(`^${label} {2,}\\S`, 'm'));
    }
    expect(out).toMatch(/scope +limit +used +reclaimable +available/);
    expect(out).toMatch(/llama \d+\.\d+\.\d+ \(llama\.cpp b\d+\): NexaSDK\.initialize/);
    expect(out).toMatch(/node-llama-cpp \d+\.\d+\.\d+: withMemoryGuard/);
    if (process.platform === 'linux') expect(out).toContain('/proc/meminfo');
    const contained = 'kind' in describeContainment();
    expect(out).toContain(contained ? "each model's process gets a " : "a model's process has no limit of its own. ");
    expect(out).not.toContain('\x1b');
  });

  it('tells the same as JSON, and who holds models', async () => {
    const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
    const hold = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0 });
    const model = await hold.loadModel('m', { memoryGuard: { footprint: 1 } });
    onTestFinished(() => {
      model.dispose();
      hold.guard.close();
    });
    const { code, value } = await runCommandForJson('doctor');
    expect(code).toBe(0);
    expect(value).toMatchObject({
      node: process.version,
      memory: { totalBytes: expect.any(Number), scopes: expect.any(Array) },
      readFrom: expect.any(Array),
      runtimes: expect.arrayContaining([expect.objectContaining({ name: 'llama', usable: true })]),
      ledger: { kind: 'shared', processes: expect.any(Number) },
      advice: expect.any(Array),
    });
    expect(value.ledger.processes).toBeGreaterThanOrEqual(1);
  });

  it('makes no ledger to look at one, and says where it would be', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'nexa-parent-'));
    onTestFinished(() => rmSync(parent, { recursive: true }));
    const directory = join(parent, 'ledger');
    const { value } = await runCommandForJson(`doctor --ledger ${directory}`);
    expect(value.ledger).toEqual({ kind: 'shared', directory, toMake: true, processes: 0 });
    expect((await runCommand(`doctor --ledger ${directory}`)).out).toContain(
      `${directory}, which the first load makes`,
    );
    const nowhere = join(parent, 'nobody', 'ledger');
    const { advice } = (await runCommandForJson(`doctor --ledger ${nowhere}`)).value;
    expect(advice).toContainEqual(expect.stringContaining(`${nowhere} can't be made (ENOENT)`));
    expect(readdirSync(parent)).toEqual([]);
  });

  it('leaves a ledger that is there as it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nexa-ledger-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const sdk = { loadModel: async (_name: string, _options?: object) => ({ dispose() {} }) };
    const hold = withMemoryGuard(sdk, { minFreeBytes: 0, minFreeRatioAfterLoad: 0, ledger: { directory } });
    const model = await hold.loadModel('m', { memoryGuard: { footprint: 1 } });
    onTestFinished(() => {
      model.dispose();
      hold.guard.close();
    });
    const before = readdirSync(directory);
    const { value } = await runCommandForJson(`doctor --ledger ${directory}`);
    expect(value.ledger).toEqual({ kind: 'shared', directory, processes: 1 });
    expect(readdirSync(directory)).toEqual(before);
  });

  it('tells what it does without, for example if the processes can’t meet', async () => {
    const open = mkdtempSync(join(tmpdir(), 'nexa-open-'));
    onTestFinished(() => rmSync(open, { recursive: true }));
    chmodSync(open, 0o755);
    const { value } = await runCommandForJson(`doctor --ledger ${open}`);
    expect(value.ledger).toMatchObject({ directory: open, processes: 0 });
    expect(value.advice).toEqual([expect.stringMatching(/^Expected .* found that it is open to others/)]);
    expect((await runCommand(`doctor --ledger ${open}`)).out).toMatch(/^To change +Expected .* open to others/m);
    const narrow = fakeIo({ isTTY: true, columns: 60 }, { NO_COLOR: '1' });
    await runCommand(`doctor --ledger ${open}`, narrow);
    const advice = narrow.stdout.text.split('\n').slice(-4, -1);
    expect(narrow.stdout.text).toMatch(/^To change +Expected /m);
    for (const line of advice) expect(line).toMatch(/^ {14}\S.{0,45}$/);
  });
});
