import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildpackPlan,
  type Detected,
  parseBuildPlan,
  resolvePlan,
  withoutMet,
} from '../../src/builder/cnb/build-plan.ts';

function detected(id: string, plan: string, optional = false): Detected {
  const buildpack = {
    id,
    version: '1.0.0',
    name: id,
    path: '/nowhere',
    digest: '',
    clearEnv: false,
    planning: null,
  };
  return { member: { buildpack, optional }, plan: parseBuildPlan(plan) };
}

const provides = (name: string) => `[[provides]]\nname = "${name}"\n`;
const requires = (name: string) => `[[requires]]\nname = "${name}"\n`;

function idsOf(...buildpacks: Detected[]): readonly string[] | null {
  return resolvePlan(buildpacks)?.group.map(({ buildpack }) => buildpack.id) ?? null;
}

test('a group applies when everything required is provided earlier', () => {
  assert.deepEqual(idsOf(detected('node', provides('node')), detected('npm', requires('node'))), ['node', 'npm']);
});

test('a buildpack may provide for itself, but never for an earlier one', () => {
  assert.deepEqual(idsOf(detected('a', provides('x') + requires('x'))), ['a']);
  assert.equal(idsOf(detected('a', requires('x')), detected('b', provides('x'))), null);
});

test('something provided that nobody requires fails the group, unless its provider is optional', () => {
  assert.equal(idsOf(detected('a', provides('x')), detected('b', '')), null);
  assert.deepEqual(idsOf(detected('a', provides('x'), true), detected('b', '')), ['b']);
});

test('dropping one optional buildpack may drop another', () => {
  const needsX = detected('b', provides('y') + requires('x'), true);
  const needsY = detected('c', requires('y'), true);
  assert.deepEqual(idsOf(needsX, needsY, detected('d', '')), ['d']);
});

test('an empty group does not apply', () => {
  assert.equal(idsOf(detected('a', provides('x'), true)), null);
});

test('alternatives are tried in order', () => {
  const either = `${provides('x')}\n[[or]]\n[[or.provides]]\nname = "y"\n`;
  assert.deepEqual(idsOf(detected('a', either), detected('b', requires('y'))), ['a', 'b']);
});

test("an optional buildpack's alternatives are all tried before it is dropped", () => {
  const either = `${provides('x')}\n[[or]]\n[[or.provides]]\nname = "y"\n`;
  assert.deepEqual(idsOf(detected('a', either, true), detected('b', '')), ['b']);
});

test('each requirement goes to the buildpacks that provide it, until it is met', () => {
  const resolution = resolvePlan([
    detected('node', provides('node') + provides('npm')),
    detected('npm', `${requires('node')}[requires.metadata]\nbuild = true\n${requires('npm')}`),
  ]);
  assert.ok(resolution);
  assert.match(buildpackPlan(resolution.entries, 'node'), /name = "node".*build = true.*name = "npm"/s);
  assert.match(buildpackPlan(resolution.entries, 'npm'), /^entries = \[ *\]\s*$/);
  const left = withoutMet(resolution.entries, { id: 'node', unmet: ['npm'] });
  assert.deepEqual(
    left.map(({ name }) => name),
    ['npm'],
  );
});
