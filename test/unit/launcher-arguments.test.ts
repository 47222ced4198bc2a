import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingNames } from '../../src/config/setting-rules.ts';
import { readSettings } from '../../src/config/settings.ts';
import { environmentOf, readArguments, startHelp } from '../../src/launcher/arguments.ts';

describe('npm start --', () => {
  it('takes every setting as a flag, and passes it to its programs', () => {
    const flags = readArguments(['--http-port', '81', '--domain=example.com', '--home', '/srv/paas']);
    assert.notEqual(flags, 'help');
    if (flags === 'help') return;
    assert.deepEqual(flags, { http_port: '81', domain: 'example.com', home: '/srv/paas' });
    const handedOn = readSettings(environmentOf(flags));
    assert.deepEqual(handedOn, readSettings({}, flags));
    assert.deepEqual([handedOn.httpPort, handedOn.domain, handedOn.home], [81, 'example.com', '/srv/paas']);
  });

  it('starts nothing when an argument is unknown', () => {
    const wrong = (message: RegExp, hint = /npm start -- --help/) => ({ code: 'invalid_params', message, hint });
    assert.throws(() => readArguments(['--htp-port', '81']), wrong(/no option --htp-port/, /mean --http-port\?/));
    assert.throws(() => readArguments(['--bogus']), wrong(/no option --bogus/));
    assert.throws(() => readArguments(['--http-port']), wrong(/--http-port needs a value/));
    assert.throws(() => readArguments(['8080']), wrong(/no argument 8080/));
  });

  it('explains every setting with its default', () => {
    assert.equal(readArguments(['--help']), 'help');
    const help = startHelp();
    for (const name of settingNames) assert.ok(help.includes(`PAAS_${name.toUpperCase()} `), name);
    assert.match(help, /--http-port .*\(8080\)/);
    for (const line of help.split('\n')) assert.ok(line.length <= 120, line);
  });
});
