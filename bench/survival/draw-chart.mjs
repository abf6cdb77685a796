/** Draws headroom over time in two runs of the survival bench, one above the other, from their own data. It measures nothing. */

/** @typedef {{ title: string, seconds: number, limitBytes: number, series: readonly { atMs: number, headroomBytes: number, kills: number, models?: number }[] }} Run */

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [860, 180, 64, 40, 70];
const PLOT = WIDTH - LEFT - 16;

/** An SVG that stands on light and dark ground. @param {readonly Run[]} runs */
export function drawChart(runs) {
  const seconds = Math.max(...runs.map((run) => run.seconds));
  const height = TOP + runs.length * (HEIGHT + GAP) - GAP + 44;
  const plots = runs.map((run, index) => drawPlot(run, TOP + index * (HEIGHT + GAP), seconds));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>Headroom over time</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${plots.join('\n')}
</svg>
`;
}

/** @param {Run} run @param {number} top @param {number} seconds */
function drawPlot({ title, limitBytes, series }, top, seconds) {
  const x = (/** @type {number} */ ms) => (LEFT + (ms / 1000 / seconds) * PLOT).toFixed(1);
  const y = (/** @type {number} */ bytes) => (top + HEIGHT * (1 - Math.max(0, bytes) / limitBytes)).toFixed(1);
  const kills = series.filter(({ kills: now }, index) => now > (series[index - 1]?.kills ?? 0));
  const ends = series.filter(({ models = 0 }, index) => models > (series[index - 1]?.models ?? 0));
  const points = series.map(({ atMs, headroomBytes }) => `${x(atMs)},${y(headroomBytes)}`).join(' ');
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * limitBytes);
    const label = `${Math.round((share * limitBytes) / 2 ** 20)} MiB`;
    return `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${at}" y2="${at}" stroke="${share === 0 ? '#b03030' : '#e0e0e0'}"/><text x="${LEFT - 6}" y="${Number(at) + 4}" text-anchor="end" fill="#555">${label}</text>`;
  });
  const marks = kills.map(
    ({ atMs }) =>
      `<g stroke="#b03030" stroke-width="2"><line x1="${Number(x(atMs)) - 4}" x2="${Number(x(atMs)) + 4}" y1="${top + HEIGHT - 4}" y2="${top + HEIGHT + 4}"/><line x1="${Number(x(atMs)) - 4}" x2="${Number(x(atMs)) + 4}" y1="${top + HEIGHT + 4}" y2="${top + HEIGHT - 4}"/></g>`,
  );
  const dots = ends.map(
    ({ atMs }) =>
      `<circle cx="${x(atMs)}" cy="${top + HEIGHT}" r="3" fill="none" stroke="#b07000" stroke-width="1.5"/>`,
  );
  const times = Array.from({ length: Math.floor(seconds / 10) + 1 }, (_, index) => index * 10).map(
    (second) =>
      `<text x="${x(second * 1000)}" y="${top + HEIGHT + 20}" text-anchor="middle" fill="#555">${second} s</text>`,
  );
  return `<text x="${LEFT}" y="${top - 12}" font-size="14" fill="#222">${title}</text>
${lines.join('\n')}
<polyline points="${points}" fill="none" stroke="#2060a0" stroke-width="1.2"/>
${dots.join('\n')}
${marks.join('\n')}
${times.join('\n')}`;
}
