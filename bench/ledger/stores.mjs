/**
 * What one transaction of a ledger costs in each of the stores that it could be: reads eight records, writes one. Needs `npm run build:native`. SQLite
 * is measured by a Node that has it (22.5 and later), LMDB if `npm install --no-save lmdb` was run.
 *   node bench/ledger/stores.mjs [folder]
 */
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { summarizeTimes } from '../../tools/timing.mjs';

const MEMBERS = 8;
const TRANSACTIONS = 3000;
const INDEX_BYTES = 20 * 1024;
const load = createRequire(import.meta.url);
const folder = mkdtempSync(path.join(process.argv[2] ?? os.tmpdir(), 'nexa-stores-'));
const record = JSON.stringify({ pid: 1, scopes: ['host', 'memory 25:123'], entries: ['x'.repeat(200)] });
/** @type {Record<string, ReturnType<typeof summarizeTimes>>} */
const rows = {};

/** @param {string} name @param {(round: number) => void} transact */
function time(name, transact) {
  const times = [];
  for (let round = 0; round < TRANSACTIONS; round++) {
    const from = process.hrtime.bigint();
    transact(round);
    times.push(Number(process.hrtime.bigint() - from) / 1000);
  }
  rows[name] = summarizeTimes(times);
}

function timeSlots() {
  const { locks } = load('../../build/Release/nexa_memory_guard.node');
  const file = openSync(path.join(folder, 'slots'), 'w+');
  const index = Buffer.alloc(INDEX_BYTES);
  const bytes = Buffer.from(record);
  writeSync(file, index, 0, INDEX_BYTES, 0);
  time('file of slots, with who is alive', () => {
    locks.tryLock(file, 0);
    readSync(file, index, 0, INDEX_BYTES, 0);
    for (let member = 1; member < MEMBERS; member++) locks.ask(file, member, 1);
    writeSync(file, bytes, 0, bytes.length, 2 * INDEX_BYTES);
    writeSync(file, index, 0, 32, 4096);
    locks.unlock(file, 0);
  });
}

/** @param {'WAL' | 'DELETE'} journal */
function timeSqlite(journal) {
  const { DatabaseSync } = load('node:sqlite');
  const database = new DatabaseSync(path.join(folder, `${journal}.db`));
  database.exec(
    `PRAGMA journal_mode=${journal}; PRAGMA synchronous=OFF; CREATE TABLE m (slot INTEGER PRIMARY KEY, record TEXT)`,
  );
  const [begin, read, commit] = ['BEGIN IMMEDIATE', 'SELECT * FROM m', 'COMMIT'].map((sql) => database.prepare(sql));
  const write = database.prepare('INSERT OR REPLACE INTO m VALUES (?, ?)');
  for (let member = 0; member < MEMBERS; member++) write.run(member, record);
  time(`SQLite, ${journal}, not synchronous`, (round) => {
    begin.run();
    read.all();
    write.run(0, record + round);
    commit.run();
  });
  database.close();
}

function timeLmdb() {
  const database = load('lmdb').open({ path: path.join(folder, 'lmdb'), noSync: true, encoding: 'string' });
  for (let member = 0; member < MEMBERS; member++) database.putSync(member, record);
  time('LMDB, not synchronous', (round) => {
    database.transactionSync(() => {
      for (let member = 0; member < MEMBERS; member++) database.get(member);
      database.put(0, record + round);
    });
  });
}

/** @param {string} name @param {() => void} act */
function unlessMissing(name, act) {
  try {
    act();
  } catch (error) {
    console.log(`${name} is left out: ${/** @type {Error} */ (error).message.split('\n')[0]}`);
  }
}

try {
  timeSlots();
  unlessMissing('SQLite', () => {
    timeSqlite('WAL');
    timeSqlite('DELETE');
  });
  unlessMissing('LMDB', timeLmdb);
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
