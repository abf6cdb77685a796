/** Stands for a process whose engine went astray: it writes to its channel what is no message. */
import { writeSync } from 'node:fs';

process.on('message', () => {
  const bytes = Buffer.alloc(64, 0xff);
  // As long as a message says of itself that it is.
  bytes.writeUInt32BE(60, 0);
  writeSync(3, bytes);
});
