import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepMark, withMark } from '../../src/builder/dockerfile/step-disk.ts';

test("the mark of a build's steps is one more proxy exception, in every spelling that the host has", () => {
  const mark = stepMark('b1');
  assert.deepEqual(withMark({}, mark), { NO_PROXY: mark });
  assert.deepEqual(withMark({ HTTP_PROXY: 'http://p', no_proxy: 'localhost' }, mark), {
    HTTP_PROXY: 'http://p',
    no_proxy: `localhost,${mark}`,
  });
  assert.deepEqual(withMark({ no_proxy: 'a', NO_PROXY: 'b' }, mark), { no_proxy: `a,${mark}`, NO_PROXY: `b,${mark}` });
});
