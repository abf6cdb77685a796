#!/usr/bin/env node
/** The program: gives the process to the command line and takes its exit code. It knows no command. */
import { createRequire } from 'node:module';
import { runCommandLine } from './command-line.ts';
import { openProcessIo } from './io.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

process.exitCode = await runCommandLine(process.argv.slice(2), openProcessIo(process, process.exit), version);
