/** What a window may do: ask, and hear text and notices about memory. */
const { contextBridge, ipcRenderer } = require('electron');

contextBridge.exposeInMainWorld('model', {
  /** @param {string} prompt */
  ask: (prompt) => ipcRenderer.invoke('ask', prompt),
  /** @param {(text: string) => void} listener */
  onText: (listener) => ipcRenderer.on('text', (_event, text) => listener(text)),
  /** @param {(notice: { type: string, message: string }) => void} listener */
  onMemory: (listener) => ipcRenderer.on('memory', (_event, notice) => listener(notice)),
});
