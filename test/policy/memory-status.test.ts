import { expect, it } from 'vitest';
import { MiB } from '../../src/core/bytes.ts';
import { compareSeverity, judgeStatus } from '../../src/policy/memory-status.ts';

it('is critical below the bytes to keep free, warning below twice as many, ok at exactly that', () => {
  expect(judgeStatus(512 * MiB - 1, 512 * MiB, 2)).toBe('critical');
  expect(judgeStatus(512 * MiB, 512 * MiB, 2)).toBe('warning');
  expect(judgeStatus(1024 * MiB - 1, 512 * MiB, 2)).toBe('warning');
  expect(judgeStatus(1024 * MiB, 512 * MiB, 2)).toBe('ok');
});

it('orders the levels', () => {
  expect(compareSeverity('critical', 'warning')).toBeGreaterThan(0);
  expect(compareSeverity('ok', 'warning')).toBeLessThan(0);
  expect(compareSeverity('ok', 'ok')).toBe(0);
});
