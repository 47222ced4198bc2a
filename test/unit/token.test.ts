import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashToken, isToken, mintToken } from '../../src/domain/token.ts';

test('a new token has its form, and only its hash and prefix need to be stored', () => {
  const minted = mintToken();
  assert.match(minted.token, /^pp_[0-9A-Za-z]{49}$/);
  assert.ok(isToken(minted.token));
  assert.equal(minted.sha256, hashToken(minted.token));
  assert.equal(minted.sha256.length, 64);
  assert.ok(minted.token.startsWith(minted.prefix) && minted.prefix.length === 9);
});

test('two tokens are never the same', () => {
  const tokens = new Set(Array.from({ length: 1000 }, () => mintToken().token));
  assert.equal(tokens.size, 1000);
});

test('one wrong character is detected without a look-up', () => {
  const { token } = mintToken();
  for (let at = 3; at < token.length; at += 1) {
    const other = token[at] === 'a' ? 'b' : 'a';
    assert.equal(isToken(token.slice(0, at) + other + token.slice(at + 1)), false, `position ${at}`);
  }
  for (const text of ['', 'pp_', token.slice(1), `${token}0`, `${token}\n`, token.replace('pp_', 'gh_')]) {
    assert.equal(isToken(text), false, JSON.stringify(text));
  }
});
