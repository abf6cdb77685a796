import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { EVENT_NAMES } from '../../src/events/guard-events.ts';
import { COUNTED, GAUGES } from '../../src/metrics/metric-definitions.ts';
import { telemetryName } from '../../src/metrics/opentelemetry.ts';
import { prometheusName } from '../../src/metrics/prometheus.ts';

it('docs/metrics.md has every figure under both of its names with its labels, and every channel', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(GAUGES.length + COUNTED.length);
  for (const figure of [...GAUGES, ...COUNTED]) {
    const row = rows.find((line) => line.includes(`\`${prometheusName(figure)}\``)) ?? '';
    expect([figure.name, row.includes(`\`${telemetryName(figure)}\`, `)]).toEqual([figure.name, true]);
    if (figure.labels.length < 3)
      for (const label of figure.labels) expect([row, row.includes(`\`${label}\``)]).toEqual([row, true]);
  }
  for (const name of EVENT_NAMES) expect(text).toMatch(new RegExp(`:${name}\``));
});
