/**
 * An Electron app with its model and its guard in the main process; windows ask over IPC and are told of pressure.
 *
 *   npm install electron node-llama-cpp nexa-memory-guard
 *   MODEL=/path/to/model.gguf npx electron examples/electron/main.mjs
 */
import path from 'node:path';
import { app, BrowserWindow, ipcMain } from 'electron';
import { withMemoryGuard } from 'nexa-memory-guard';
import { getLlama } from 'node-llama-cpp';
import { Models } from './models.mjs';

await app.whenReady();

const window = new BrowserWindow({
  width: 800,
  height: 600,
  webPreferences: { preload: path.join(import.meta.dirname, 'preload.cjs') },
});
const tell = (/** @type {string} */ channel, /** @type {unknown} */ value) => {
  if (!window.isDestroyed()) window.webContents.send(channel, value);
};

// Chromium's processes are seen as memory that is gone; only what this process does is guarded.
const models = new Models(withMemoryGuard(await getLlama()), (notice) => tell('memory', notice));
const modelPath = process.env['MODEL'] ?? path.join(app.getPath('userData'), 'model.gguf');

ipcMain.handle('ask', (_event, prompt) => models.ask(modelPath, String(prompt), (text) => tell('text', text)));
await window.loadFile(path.join(import.meta.dirname, 'index.html'));

app.on('window-all-closed', () => app.quit());
let closed = false;
app.on('will-quit', (event) => {
  if (closed) return;
  event.preventDefault();
  closed = true;
  void models.close().finally(() => app.quit());
});
