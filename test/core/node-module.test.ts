import * as net from 'node:net';
import * as vm from 'node:vm';
import { expect, it } from 'vitest';
import { loadNodeModule } from '../../src/core/node-module.ts';

it('is the module that an import gives, and the same one each time', () => {
  expect(loadNodeModule('node:vm').runInNewContext).toBe(vm.runInNewContext);
  expect(loadNodeModule('node:net').Socket).toBe(net.Socket);
  expect(loadNodeModule('node:vm')).toBe(loadNodeModule('node:vm'));
});
