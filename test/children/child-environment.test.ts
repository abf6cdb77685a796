import { expect, test } from 'vitest';
import { listChildEnvironment } from '../../src/children/child-environment.ts';

test.each([
  'NODE_OPTIONS',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'NODE_V8_COVERAGE',
  'HF_TOKEN',
  'npm_config_token',
  'CLIENT_SECRET',
  'DB_PASSWORD',
  'MYSQL_PASSWD',
  'GOOGLE_APPLICATION_CREDENTIALS',
  'OPENAI_API_KEY',
  'OPENAI_APIKEY',
  'AWS_ACCESS_KEY_ID',
  'SSH_PRIVATE_KEY',
  'ENCRYPTION_KEY',
  'SIGNING_KEY_2',
  'MASTERKEYS',
  'KEY_PASSPHRASE',
])('%s is withheld', (name) => {
  expect(listChildEnvironment({ [name]: 'x', PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

test.each([
  'PATH',
  'HOME',
  'LD_LIBRARY_PATH',
  'OMP_NUM_THREADS',
  'UV_THREADPOOL_SIZE',
  'GENIEX_LIB_PATH',
  'NODE_EXTRA_CA_CERTS',
  'KEYBOARD_LAYOUT',
  'MY_NODE_OPTIONS',
  'NEXA_MEMORY_GUARD_ADDON',
])('%s is passed on', (name) => {
  expect(listChildEnvironment({ [name]: 'x' })).toEqual({ [name]: 'x' });
});
