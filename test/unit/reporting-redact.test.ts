import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { PlatformError } from '../../src/domain/errors.ts';
import { createLogger } from '../../src/reporting/logger.ts';
import { redact } from '../../src/reporting/redact.ts';

const token = 'pp_Zx81kQ93hFh20sNNq1mT7yRbWcE4uVo5LpAa6GdJxKi';
const basic = Buffer.from(`x:${token}`).toString('base64');

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ level: 'debug', name: 'test', destination: { write: (line) => lines.push(line) } }));
  return lines.join('');
}

const hush = 'hush-4711';
const secrets: Readonly<Record<string, (logger: ReturnType<typeof createLogger>) => void>> = {
  'a token in the message': (logger) => logger.info(`token ${token} used`),
  'a token in a field': (logger) => logger.info('used', { note: `it is ${token}.` }),
  'request headers': (logger) => logger.info('request', { headers: { authorization: `Basic ${basic}`, cookie: hush } }),
  'a list of cookies': (logger) =>
    logger.info('answer', { headers: { 'Set-Cookie': [`session=${hush}; Secure`, hush] } }),
  'headers as JSON in a string': (logger) =>
    logger.info(`request ${JSON.stringify({ authorization: hush, ok: 'stays' })}`),
  'a header line': (logger) => logger.warn(`Authorization: Basic ${basic}\r\nCookie: a=${hush}\r\nHost: stays`),
  'a bearer': (logger) => logger.warn(`sent Bearer ${token.slice(3)}${hush}`),
  'the user in a URL': (logger) => logger.error('clone failed', { url: `https://me:${hush}@example.com/stays.git` }),
  'a password field': (logger) => logger.error('login', { body: { password: `${hush}"quoted` } }),
  'an error and its cause': (logger) =>
    logger.error('failed', { error: new Error('outer', { cause: new Error(`postgres://u:${hush}@db/x`) }) }),
  'a field of a child': (logger) => logger.child({ cookie: hush }).info('child'),
};

for (const [what, write] of Object.entries(secrets)) {
  test(`${what} does not get into the log`, () => {
    const line = logged(write);
    for (const secret of [token, token.slice(3), basic, hush]) assert.ok(!line.includes(secret), line);
    assert.match(line, /\[redacted\]/);
    for (const one of line.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(one), line);
  });
}

test('text that is not secret stays readable', () => {
  const text = '{"msg":"GET https://example.com/a?b=c@d 200","token_id":"1","basics":"Basic needs"}';
  assert.equal(redact(text), text);
  assert.match(logged(secrets['headers as JSON in a string'] ?? (() => {})), /stays/);
  assert.match(logged(secrets['the user in a URL'] ?? (() => {})), /example\.com\/stays/);
});

test('a line has time, level, source and message, with its fields', () => {
  const error = new PlatformError('unavailable', 'The engine does not answer.', { hint: 'Start it.' });
  const line = JSON.parse(logged((logger) => logger.child({ appId: 'a1' }).warn('Trying on.', { error })));
  assert.equal(line.level, 'warn');
  assert.equal(line.name, 'test');
  assert.equal(line.msg, 'Trying on.');
  assert.equal(line.appId, 'a1');
  assert.deepEqual([line.error.code, line.error.hint], ['unavailable', 'Start it.']);
  assert.ok(!Number.isNaN(Date.parse(line.time)));
});

test('a program goes on when nobody reads its log any more', () => {
  const script = `
    import { createLogger } from '${import.meta.resolve('../../src/reporting/logger.ts')}';
    const logger = createLogger({ level: 'info', name: 'test' });
    for (let i = 0; i < 3; i++) {
      logger.info('a line');
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stderr.write('alive');`;
  // Its reader has ended before it begins.
  const args = ['-c', 'exec 3> >(:); wait $!; "$@" >&3', 'bash', process.execPath, '--input-type=module', '-e', script];
  const { status, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, 'alive']);
});
