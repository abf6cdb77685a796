import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { EVENT_NAMES } from '../../src/events/guard-events.ts';
import { EVENT_METRICS } from '../../src/metrics/event-metrics.ts';
import { GAUGES } from '../../src/metrics/gauges.ts';
import { formatTelemetryName } from '../../src/metrics/opentelemetry.ts';
import { formatPrometheusName } from '../../src/metrics/prometheus.ts';

it('docs/metrics.md has every metric under both of its names with its labels, and every channel', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(GAUGES.length + EVENT_METRICS.length);
  for (const metric of [...GAUGES, ...EVENT_METRICS]) {
    const row = rows.find((line) => line.includes(`\`${formatPrometheusName(metric)}\``)) ?? '';
    expect([metric.name, row.includes(`\`${formatTelemetryName(metric)}\`, `)]).toEqual([metric.name, true]);
    if (metric.labels.length < 3)
      for (const label of metric.labels) expect([row, row.includes(`\`${label}\``)]).toEqual([row, true]);
  }
  for (const name of EVENT_NAMES) expect(text).toMatch(new RegExp(`:${name}\``));
});
