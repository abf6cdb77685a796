/** Writes one model full of noise to the disk: a hole would be read without it. It runs in a group of its own, so that its pages can be let go. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { formatBytes } from 'nexa-memory-guard';
import { writeLanguageModel } from '../../tools/synthetic-model.mjs';
import { SHAPE } from './setting.mjs';

const [, , file = ''] = process.argv;
const { fileBytes } = writeLanguageModel(file, SHAPE);
const fd = openSync(file, 'r');
fsyncSync(fd); // a dirty page can't be let go
closeSync(fd);
console.log(`  ${file}: ${formatBytes(fileBytes)} written`);
process.disconnect?.();
