/** The reaction bench inside a machine of its own, on control groups v2: reports its tables as they come. */
import { input, report } from '../../tools/vm/guest/report.mjs';
import { measureIdling, measureReactions, measureSwinging } from './measures.mjs';

const setting = input();
for await (const table of measureReactions(setting)) report(table);
report(await measureIdling(setting));
report(await measureSwinging(setting));
