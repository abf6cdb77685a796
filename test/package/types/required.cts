/** `require` from CommonJS, which TypeScript knows of ES modules since 5.8. Compiled against the packed types, never run. */
import nexaMemoryGuard = require('nexa-memory-guard');
import metrics = require('nexa-memory-guard/metrics');

const { guard } = nexaMemoryGuard.withMemoryGuard({ loadModel: (name: string) => name });
guard.on('critical', ({ headroomBytes }) => console.log(headroomBytes.toFixed()));
metrics.guardMetrics(guard, {} as metrics.Meter).stop();
// @ts-expect-error a name that there is not
nexaMemoryGuard.guard;
