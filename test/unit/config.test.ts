import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';

describe('the settings', () => {
  const home = mkdtempSync(join(tmpdir(), 'paas-config-'));
  const file = join(home, 'paas.toml');
  after(() => rmSync(home, { recursive: true }));

  const read = (toml: string, env: Readonly<Record<string, string>> = {}, flags = {}) => {
    writeFileSync(file, toml);
    return readSettings({ PAAS_HOME: home, ...env }, flags);
  };

  it('come from a flag, else from the environment, else from the file', () => {
    assert.equal(read('').httpPort, 8080);
    assert.equal(read('http_port = 81').httpPort, 81);
    assert.equal(read('http_port = 81', { PAAS_HTTP_PORT: '82' }).httpPort, 82);
    assert.equal(read('http_port = 81', { PAAS_HTTP_PORT: '82' }, { http_port: '83' }).httpPort, 83);
  });

  it('are not set by an empty variable', () => {
    assert.equal(read('', { PAAS_HTTP_PORT: '', PAAS_DOMAIN: '' }).httpPort, 8080);
  });

  it('list trusted proxies by address or range, by default none', () => {
    assert.deepEqual(read('').trustedProxies, []);
    const ranges = ['10.0.0.5', '192.168.0.0/16', '2001:db8::/32', '::1'];
    assert.deepEqual(read(`trusted_proxies = "${ranges.join(', ')}"`).trustedProxies, ranges);
  });

  it('are refused with the source, the value and the rule when one is wrong', () => {
    const wrong = (message: RegExp, hint: RegExp) => ({ code: 'invalid_params', message, hint });
    assert.throws(
      () => read('', { PAAS_HTTP_PORT: 'abc' }),
      wrong(/^PAAS_HTTP_PORT is "abc", and must be a whole number from 0 to 65535\.$/, /^Without it: 8080\.$/),
    );
    assert.throws(
      () => read('api_port = 70000'),
      wrong(/^api_port in .*paas\.toml is 70000, and must be a whole/, /7080/),
    );
    assert.throws(() => read('', {}, { build_slots: '0' }), wrong(/^--build-slots is "0", and must be/, /2/));
    assert.throws(() => read('domain = "Bad One"'), wrong(/must be a domain name in small letters/, /localhost/));
    for (const ranges of ['10.0.0.0/33', 'front', '10.0.0.1 10.0.0.2', '::1/129', '10.0.0']) {
      assert.throws(() => read('', { PAAS_TRUSTED_PROXIES: ranges }), wrong(/must be addresses or ranges/, /none/));
    }
    for (const overcommit of ['0.5', '11', 'all', '1,5'])
      assert.throws(() => read('', { PAAS_OVERCOMMIT: overcommit }), wrong(/must be a number from 1 to 10/, /1\.5/));
    assert.equal(read('overcommit = 2.5').overcommit, 2.5);
    assert.throws(() => read('low_memory_percent = 101'), wrong(/must be a whole number from 0 to 100/, /10/));
    assert.throws(() => read('', { PAAS_LINK_COMMAND: 'perhaps' }), wrong(/must be true or false/, /true/));
  });

  it('refuse an unknown name in the file', () => {
    assert.throws(() => read('htp_port = 80'), {
      message: /sets htp_port, and there is no such/,
      hint: /mean http_port\?/,
    });
    assert.throws(() => read('colour = 1'), { message: /sets colour/, hint: /There are: domain, / });
    assert.throws(() => read('http_port = "x'), { message: /no valid TOML: [\s\S]*\n1: / });
  });

  it('have an absolute home folder, independent of the current one', () => {
    assert.equal(readSettings({ PAAS_HOME: 'some/where' }).home, join(process.cwd(), 'some/where'));
  });
});
