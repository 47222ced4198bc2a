import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { ContainerSpec } from '../../src/domain/containers.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { engineInfo, RecordingEngine } from '../support/recording-engine.ts';

const megabyte = 1024 * 1024;

const plain: ContainerSpec = {
  name: 'shop-web-1',
  image: 'sha256:abc',
  sandbox: 'app',
  labels: { 'paas.platform': 'p1', 'paas.app': 'a1' },
  user: '10001:10001',
  env: { PORT: '5000', GREETING: 'a=b "c"' },
  memoryBytes: 256 * megabyte,
  reservedMemoryBytes: 64 * megabyte,
  cpus: 0.5,
  networks: [{ id: 'net1', aliases: [], when: 'start' }],
};

const lavish: ContainerSpec = {
  ...plain,
  sandbox: 'build',
  entrypoint: ['/bin/sh'],
  command: ['-c', 'true'],
  workingDir: '/app',
  hostname: 'build-1',
  memoryBytes: 2048 * megabyte,
  cpus: 100,
  cpuShares: 100,
  pids: 2000,
  terminals: 3,
  tmpBytes: 64 * megabyte,
  openStdin: true,
  tty: true,
  stopSignal: 'SIGINT',
  networks: [],
  volumes: [
    { name: 'cache-a1', path: '/cache' },
    { name: 'layers-a1', path: '/layers', readOnly: true },
  ],
};

interface Body {
  readonly [name: string]: unknown;
  readonly HostConfig: Readonly<Record<string, unknown>> & { readonly SecurityOpt: readonly string[] };
}

/** The bodies of all containers that the engine was asked for. The last one is that of the spec. */
async function bodiesFor(spec: ContainerSpec): Promise<readonly Body[]> {
  await using wire = await RecordingEngine.start();
  await createDockerEngine({ dockerHost: wire.dockerHost }).containers.create(spec);
  return wire.of('POST', '/containers/create').map((call) => call.body as Body);
}

describe('the request to the engine', () => {
  test('for an app’s container has the whole sandbox and nothing else', async () => {
    const body = (await bodiesFor(plain)).at(-1);
    assert.ok(body);
    const { HostConfig: hostConfig, ...config } = body;
    assert.deepEqual(config, {
      Image: 'sha256:abc',
      User: '10001:10001',
      Labels: plain.labels,
      Env: ['PORT=5000', 'GREETING=a=b "c"'],
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      StopSignal: 'SIGTERM',
      Healthcheck: { Test: ['NONE'] },
    });
    const { SecurityOpt: securityOpt, ...rest } = hostConfig;
    assert.deepEqual(rest, {
      Init: true,
      Privileged: false,
      CapAdd: [],
      CapDrop: ['ALL'],
      PidsLimit: 256,
      Memory: 256 * megabyte,
      MemorySwap: 256 * megabyte,
      MemoryReservation: 64 * megabyte,
      MemorySwappiness: 0,
      NanoCpus: 500_000_000,
      CpuShares: 1024,
      OomScoreAdj: 500,
      Ulimits: [
        { Name: 'nofile', Soft: 20_000, Hard: 20_000 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,size=${128 * megabyte},mode=1777` },
      ShmSize: 64 * megabyte,
      ReadonlyRootfs: false,
      Binds: [],
      Mounts: [terminals(16)],
      NetworkMode: 'net1',
      PublishAllPorts: false,
      PortBindings: {},
      IpcMode: 'private',
      PidMode: '',
      UTSMode: '',
      CgroupnsMode: 'private',
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } },
    });
    assertSecurityOptions(securityOpt);
  });

  test('refers to networks by id, with names in them, and never to a namespace of others', async () => {
    const networks = [
      { id: 'net2', aliases: ['db'], when: 'later' },
      { id: 'net1', aliases: ['web', 'shop'], when: 'start' },
      { id: 'net3', aliases: ['cache'], when: 'start' },
    ] as const;
    await using wire = await RecordingEngine.start();
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    await containers.create({ ...plain, networks });
    const body = wire.of('POST', '/containers/create').at(-1)?.body as Body;
    assert.equal(body.HostConfig.NetworkMode, 'net1');
    assert.deepEqual(body.NetworkingConfig, { EndpointsConfig: { net1: { Aliases: ['web', 'shop'] } } });
    assert.deepEqual(
      wire.calls.filter(({ path }) => path.endsWith('/connect')).map(({ path, body: sent }) => [path, sent]),
      [['/networks/net3/connect', { Container: 'c0ffee', EndpointConfig: { Aliases: ['cache'] } }]],
    );
    for (const id of ['host', 'container:c0ffee', 'bridge', 'default', 'none', '']) {
      for (const when of ['start', 'later'] as const) {
        const spec = { ...plain, networks: [{ id, aliases: [], when }] };
        await assert.rejects(containers.create(spec), { code: 'invalid_params' }, id);
      }
    }
  });

  test('gives no more rights, even to a spec that sets every field', async () => {
    const body = (await bodiesFor(lavish)).at(-1);
    assert.ok(body);
    assertSandboxed(body);
    const { HostConfig: hostConfig } = body;
    assert.deepEqual(hostConfig.Mounts, [
      { Type: 'volume', Source: 'cache-a1', Target: '/cache', ReadOnly: false },
      { Type: 'volume', Source: 'layers-a1', Target: '/layers', ReadOnly: true },
      terminals(3),
    ]);
    assert.equal(hostConfig.NetworkMode, 'none');
    assert.equal(hostConfig.NanoCpus, 4e9, 'never more than the engine’s processors');
    assert.equal(hostConfig.PidsLimit, 2000);
    assert.equal(hostConfig.CpuShares, 100);
    assert.deepEqual(hostConfig.Tmpfs, { '/tmp': `rw,exec,nosuid,nodev,size=${64 * megabyte},mode=1777` });
    assert.deepEqual([body.Entrypoint, body.Cmd, body.WorkingDir], [['/bin/sh'], ['-c', 'true'], '/app']);
    assert.deepEqual([body.OpenStdin, body.StdinOnce, body.Tty], [true, true, true]);
  });

  test('for every auxiliary container has the sandbox too', async () => {
    for (const spec of [plain, lavish]) {
      const bodies = await bodiesFor(spec);
      assert.equal(bodies.length, 2, 'the try-out of the limit of open files, and the container itself');
      for (const body of bodies) assertSandboxed(body);
      assert.notDeepEqual(bodies[0]?.Labels, spec.labels, 'the try-out is not taken for an instance');
    }
  });

  test('for a larger instance allows more processes, and /tmp is half of a small one’s memory', async () => {
    const large = (await bodiesFor({ ...plain, memoryBytes: 2048 * megabyte })).at(-1);
    assert.equal(large?.HostConfig.PidsLimit, 512);
    const small = (await bodiesFor({ ...plain, memoryBytes: 64 * megabyte })).at(-1);
    assert.deepEqual(small?.HostConfig.Tmpfs, { '/tmp': `rw,exec,nosuid,nodev,size=${32 * megabyte},mode=1777` });
  });

  test('for a change of limits sets memory and swap as one, and only what was requested', async () => {
    await using wire = await RecordingEngine.start((call) =>
      call.path === '/containers/c0ffee/update' ? { status: 200, body: { Warnings: null } } : undefined,
    );
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    await containers.update('c0ffee', { memoryBytes: 512 * megabyte });
    await containers.update('c0ffee', { cpus: 100, cpuShares: 512, pids: 300 });
    for (const limits of [{ memoryBytes: -1 }, { memoryBytes: 0 }, { pids: -1 }, { pids: 0 }, { cpus: 0 }]) {
      await assert.rejects(containers.update('c0ffee', limits), { code: 'invalid_params' });
    }
    assert.deepEqual(
      wire.of('POST', '/containers/c0ffee/update').map((call) => call.body),
      [
        { Memory: 512 * megabyte, MemorySwap: 512 * megabyte },
        { NanoCpus: 4e9, CpuShares: 512, PidsLimit: 300 },
      ],
    );
  });

  test('for a copy of a volume has no network, a read-only root and the whole sandbox', async () => {
    for (const verb of ['exportTar', 'importTar'] as const) {
      await using wire = await RecordingEngine.start();
      const { volumes } = createDockerEngine({ dockerHost: wire.dockerHost });
      const copy = { volume: 'data-1', image: 'sha256:abc', user: '10001:10001', path: '/app', labels: { a: 'b' } };
      const { signal } = new AbortController();
      // This server upgrades no connection, so nothing is copied.
      if (verb === 'exportTar') await assert.rejects(buffer(volumes.exportTar(copy, signal)));
      else await assert.rejects(volumes.importTar(copy, Readable.from([]), signal));
      const body = wire.of('POST', '/containers/create').at(-1)?.body as Body;
      assertSandboxed(body);
      assert.equal(body.User, '10001:10001');
      assert.deepEqual([body.HostConfig.NetworkMode, body.HostConfig.ReadonlyRootfs], ['none', true]);
      assert.deepEqual(body.HostConfig.LogConfig, { Type: 'none', Config: {} });
      assert.deepEqual(body.HostConfig.Mounts, [
        { Type: 'volume', Source: 'data-1', Target: '/app', ReadOnly: verb === 'exportTar' },
        terminals(16),
      ]);
      const refused = { ...copy, user: '0:0' };
      await assert.rejects(volumes.importTar(refused, Readable.from([]), signal), { code: 'invalid_params' });
    }
  });

  test('for another program in a container has no privileges and is never for root', async () => {
    await using wire = await RecordingEngine.start((call) =>
      call.path === '/containers/c0ffee/exec' ? { status: 201, body: { Id: 'e1' } } : undefined,
    );
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    const { signal } = new AbortController();
    const all = { env: { A: 'b=c' }, user: '10002:10002', workingDir: '/app', input: true };
    const terminal = { columns: 80, rows: 24 };
    // This server upgrades no connection, so the start fails, but the request is recorded by then.
    for (const request of [{ argv: ['ls', '-l'] }, { argv: ['sh'], ...all, terminal }]) {
      await assert.rejects(containers.exec('c0ffee', request, signal), { code: 'unavailable' });
    }
    for (const change of [{ user: '0:0' }, { user: 'root' }, { env: { 'A=B': '' } }, { env: { A: '\0' } }]) {
      await assert.rejects(containers.exec('c0ffee', { argv: ['sh'], ...change }, signal), { code: 'invalid_params' });
    }
    const plainOutput = { AttachStdout: true, AttachStderr: true };
    assert.deepEqual(
      wire.of('POST', '/containers/c0ffee/exec').map((call) => call.body),
      [
        { Cmd: ['ls', '-l'], AttachStdin: false, ...plainOutput, Tty: false },
        {
          ...{ Cmd: ['sh'], AttachStdin: true, ...plainOutput, Tty: true },
          ...{ Env: ['A=b=c'], User: '10002:10002', WorkingDir: '/app' },
        },
      ],
    );
    assert.deepEqual(
      wire.of('POST', '/exec/e1/start').map((call) => call.body),
      [
        { Detach: false, Tty: false },
        { Detach: false, Tty: true },
      ],
    );
  });

  test('under cgroup v2 never has a limit below the memory in use, because the kernel would kill', async () => {
    const cgroup2 = { ...engineInfo, CgroupVersion: '2' };
    const stats = {
      read: '2026-11-29T13:14:18.471383299Z',
      pids_stats: { current: 1 },
      memory_stats: { usage: 300 * megabyte, limit: 512 * megabyte, stats: { inactive_file: 100 * megabyte } },
    };
    await using wire = await RecordingEngine.start((call) => {
      if (call.path === '/info') return { status: 200, body: cgroup2 };
      if (call.path === '/containers/c0ffee/stats') return { status: 200, body: stats };
      return call.path === '/containers/c0ffee/update' ? { status: 200, body: { Warnings: null } } : undefined;
    });
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    await assert.rejects(containers.update('c0ffee', { memoryBytes: 150 * megabyte }), {
      code: 'conflict',
      message: /uses 200\.0 MiB of memory: 150\.0 MiB/,
    });
    await containers.update('c0ffee', { memoryBytes: 250 * megabyte });
    const sizes = wire.of('POST', '/containers/c0ffee/update').map((call) => (call.body as { Memory: number }).Memory);
    assert.deepEqual(sizes, [250 * megabyte]);
    assert.equal(wire.of('GET', '/containers/c0ffee/stats')[0]?.query.get('one-shot'), 'true');
  });

  test('is never sent when the policy refuses it', async () => {
    await using wire = await RecordingEngine.start();
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    const refused: readonly Partial<ContainerSpec>[] = [
      { user: '0:0' },
      { user: 'root' },
      { user: '' },
      { volumes: [{ name: '/etc', path: '/x' }] },
      { volumes: [{ name: 'ok', path: '/var/../..' }] },
      { env: { 'A=B': 'c' } },
      { env: { A: 'nul\0' } },
    ];
    for (const change of refused) {
      await assert.rejects(
        containers.create({ ...plain, ...change }),
        { code: 'invalid_params' },
        JSON.stringify(change),
      );
    }
    assert.deepEqual(wire.of('POST', '/containers/create'), []);
  });

  test('is never sent for a volume that is a host path', async () => {
    await using wire = await RecordingEngine.start((call) =>
      call.path === '/volumes/cache-a1'
        ? { status: 200, body: { Driver: 'local', Options: { type: 'none', o: 'bind', device: '/' } } }
        : undefined,
    );
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    await assert.rejects(containers.create(lavish), { code: 'forbidden', message: /cache-a1/ });
    assert.deepEqual(wire.of('POST', '/containers/create'), []);
  });

  test('has a lower open-files limit on an engine that allows fewer', async () => {
    await using wire = await RecordingEngine.start((call) => {
      if (call.path !== '/containers/c0ffee/start') return undefined;
      const asked = JSON.stringify(wire.of('POST', '/containers/create').at(-1)?.body);
      return asked.includes('"nofile","Soft":20000') || asked.includes('"nofile","Soft":10240')
        ? {
            status: 500,
            body: { message: 'OCI runtime create failed: error setting rlimit type 7: operation not permitted' },
          }
        : undefined;
    });
    const { containers } = createDockerEngine({ dockerHost: wire.dockerHost });
    await containers.create(plain);
    await containers.create({ ...plain, name: 'shop-web-2' });
    const asked = wire.of('POST', '/containers/create').map((call) => (call.body as Body).HostConfig.Ulimits);
    assert.deepEqual(
      asked.map((limits) => (limits as { Soft: number }[])[0]?.Soft),
      [20_000, 10_240, 4096, 4096, 4096],
    );
    assert.equal(wire.calls.filter((call) => call.method === 'DELETE').length, 3, 'the try-outs are removed');
  });

  test('is made in one source file for containers and in one for programs, and none uses the archive endpoints', async () => {
    const folder = resolve(import.meta.dirname, '../../src/engine');
    const makers: string[] = [];
    const runners: string[] = [];
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.ts'))) {
      const source = await readFile(join(folder, name), 'utf8');
      if (source.includes('containers/create')) makers.push(name);
      if (/\/exec\b(?!\.ts)/.test(source)) runners.push(name);
      assert.doesNotMatch(source, /createContainer\(|putArchive|getArchive|\/archive|services\/create/, name);
    }
    assert.deepEqual(makers, ['post-container.ts']);
    assert.deepEqual(runners, ['exec.ts']);
  });
});

/** The container's own terminals, and no more than these beside its own one. */
function terminals(most: number) {
  const o = `nosuid,noexec,mode=0620,ptmxmode=0666,gid=5,max=${most + 1}`;
  const DriverConfig = { Name: 'local', Options: { type: 'devpts', device: 'devpts', o } };
  const VolumeOptions = { NoCopy: true, Labels: {}, DriverConfig };
  return { Type: 'volume', Source: '', Target: '/dev/pts', ReadOnly: false, VolumeOptions };
}

/** The sandbox that every container of ours must have. */
function assertSandboxed(body: Body): void {
  const host = body.HostConfig;
  assert.match(String(body.User), /^[1-9]\d*:\d+$/);
  assert.deepEqual([host.Privileged, host.CapAdd, host.CapDrop, host.Init], [false, [], ['ALL'], true]);
  assert.deepEqual([host.Binds, host.PortBindings, host.PublishAllPorts], [[], {}, false]);
  assert.deepEqual(body.Healthcheck, { Test: ['NONE'] });
  assert.deepEqual([host.PidMode, host.UTSMode, host.IpcMode, host.CgroupnsMode], ['', '', 'private', 'private']);
  assert.deepEqual(host.RestartPolicy, { Name: 'no' });
  assert.equal(host.Memory, host.MemorySwap);
  assert.ok(Number(host.Memory) > 0 && Number(host.PidsLimit) > 0 && Number(host.NanoCpus) > 0);
  assert.notEqual(host.NetworkMode, 'host');
  for (const name of ['Devices', 'DeviceRequests', 'DeviceCgroupRules', 'VolumesFrom', 'CgroupParent', 'Sysctls']) {
    assert.equal(host[name], undefined, name);
  }
  const mounts = host.Mounts as { Type: string; Source: string; Target: string; VolumeOptions?: unknown }[];
  assert.equal(mounts.at(-1)?.Target, '/dev/pts');
  for (const mount of mounts.slice(0, -1)) {
    assert.equal(mount.Type, 'volume');
    assert.match(mount.Source, /^[a-zA-Z0-9][\w.-]*$/);
    assert.equal(mount.VolumeOptions, undefined);
  }
  assertSecurityOptions(host.SecurityOpt);
}

function assertSecurityOptions(options: readonly string[]): void {
  assert.equal(options.length, 2);
  assert.equal(options[0], 'no-new-privileges:true');
  const profile = JSON.parse(options[1]?.replace(/^seccomp=/, '') ?? '') as {
    readonly defaultAction: string;
    readonly syscalls: readonly { readonly names: readonly string[]; readonly action: string }[];
  };
  assert.equal(profile.defaultAction, 'SCMP_ACT_ERRNO');
  const allowed = new Set(
    profile.syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW').flatMap((rule) => rule.names),
  );
  for (const call of [
    'io_uring_setup',
    'io_uring_enter',
    'bpf',
    'keyctl',
    'add_key',
    'io_setup',
    'perf_event_open',
    'fanotify_init',
    'mount',
    'unshare',
    'userfaultfd',
    'socketcall',
  ]) {
    assert.ok(!allowed.has(call), `${call} must not be allowed`);
  }
  assert.ok(allowed.has('execve') && allowed.has('futex') && allowed.has('socket'));
}
