/** The reaction bench inside a machine of its own, on control groups v2: reports its tables as they come. */
import { input, report } from '../../tools/vm/guest/report.mjs';
import { idling, reactions, swinging } from './measures.mjs';

const setting = input();
for await (const table of reactions(setting)) report(table);
report(await idling(setting));
report(await swinging(setting));
