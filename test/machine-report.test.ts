import os from 'node:os';
import { expect, it } from 'vitest';
import { machineReport } from '../src/machine-report.ts';
import { describeContainment } from '../src/processes/containment.ts';
import { findOomGroup } from '../src/processes/oom-group.ts';

it('tells what this machine is and what its memory is good for', async () => {
  const report = await machineReport();
  expect(report.node).toBe(process.version);
  expect(report.kernel).toBe(os.release());
  expect(report.cores).toBeGreaterThan(0);
  expect(report.memory.totalBytes).toBeLessThanOrEqual(os.totalmem());
  expect(['below minimum', 'minimum', 'recommended', 'high performance']).toContain(report.machineClass);
  expect(['Q5_K_M', 'Q4_K_M', 'Q4_0']).toContain(report.recommendedQuantization);
  expect(report.addon).not.toBe('');
  expect(report.oomGroup).toBe(findOomGroup());
  expect(report.containment).toEqual(describeContainment());
  expect(report.readFrom).toContain(process.platform === 'linux' ? '/proc/meminfo' : 'node:os');
});
