import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDebianFamily } from '../../src/launcher/apt.ts';
import { type EngineFacts, failureReason, planEngine, startMethods } from '../../src/launcher/steps/engine-plan.ts';

const bareDebianAsRoot: EngineFacts = {
  dockerHost: 'unix:///var/run/docker.sock',
  isDefaultHost: true,
  isForbidden: false,
  isRoot: true,
  hasDaemon: false,
  canInstall: true,
};

function refusal(facts: Partial<EngineFacts>): string {
  const plan = planEngine({ ...bareDebianAsRoot, ...facts });
  assert.equal(plan.kind, 'refuse');
  return plan.kind === 'refuse' ? `${plan.message} ${plan.hint}` : '';
}

test('on a bare Debian as root an engine is installed', () => {
  assert.deepEqual(planEngine(bareDebianAsRoot), { kind: 'install' });
});

test('an installed engine that does not answer is only started', () => {
  assert.deepEqual(planEngine({ ...bareDebianAsRoot, hasDaemon: true }), { kind: 'start' });
});

test('a user without root reads what root must do, and nothing is tried', () => {
  assert.match(refusal({ isRoot: false, canInstall: false }), /apt-get install docker\.io/);
  assert.match(refusal({ isRoot: false, canInstall: false, hasDaemon: true }), /systemctl start docker/);
  assert.match(refusal({ isRoot: false, isForbidden: true, hasDaemon: true }), /usermod -aG docker/);
});

test('root on a system without apt reads what to install', () => {
  assert.match(refusal({ canInstall: false }), /Install Docker \(20\.10 or newer\)/);
});

test('a configured engine is used, or none', () => {
  const named = { dockerHost: 'unix:///run/other.sock', isDefaultHost: false };
  assert.match(refusal(named), /No container engine answers at unix:\/\/\/run\/other\.sock.*PAAS_DOCKER_HOST/);
});

test("the engine is started with the machine's service manager", () => {
  assert.deepEqual(startMethods({ hasSystemd: true, hasInitScript: true }), ['systemd']);
  assert.deepEqual(startMethods({ hasSystemd: false, hasInitScript: true }), ['service', 'process']);
  assert.deepEqual(startMethods({ hasSystemd: false, hasInitScript: false }), ['process']);
});

test('the packages for Debian, Ubuntu and their derivatives are known', () => {
  assert.equal(isDebianFamily('NAME="Debian GNU/Linux"\nID=debian\n'), true);
  assert.equal(isDebianFamily('ID=linuxmint\nID_LIKE="ubuntu debian"\n'), true);
  assert.equal(isDebianFamily('ID="almalinux"\nID_LIKE="rhel centos fedora"\n'), false);
});

test('the reason of a failed engine start comes from the end of its log', () => {
  const log = [
    'failed to start daemon: an older one',
    'time="2026-11-22T14:35:06Z" level=info msg="containerd successfully booted"',
    "failed to start daemon: Devices cgroup isn't mounted",
    'time="2026-11-22T14:35:07Z" level=info msg="stopping"',
    '',
  ].join('\n');
  assert.equal(failureReason(log), "failed to start daemon: Devices cgroup isn't mounted");
  assert.equal(failureReason('unable to configure the daemon\n'), 'unable to configure the daemon');
  assert.equal(failureReason(''), '');
});
