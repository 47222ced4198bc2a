import { connect } from 'node:net';
import { labelNames } from '../../src/domain/labels.ts';
import type { TestPlatform } from '../support/platform.ts';

/**
 * The time that the engine alone needs to create and start containers of the app's image, all at once, until their ports
 * answer. Milliseconds.
 */
export async function engineStartMs(paas: TestPlatform, app: string, count = 1): Promise<number> {
  const { id } = await paas.apiJson<{ id: string }>(`/apps/${app}`);
  const [running] = await paas.containers(app);
  const [network] = await paas.engine.networks.list({ [labelNames.app]: id });
  if (!running || !network) throw new Error(`${app} does not run`);
  const begin = performance.now();
  const ids = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startOne(paas, { app, imageId: running.imageId, networkId: network.id, index }),
    ),
  );
  const elapsed = performance.now() - begin;
  await Promise.all(ids.map((container) => paas.engine.containers.remove(container)));
  return elapsed;
}

async function startOne(
  paas: TestPlatform,
  {
    app,
    imageId,
    networkId,
    index,
  }: { readonly app: string; readonly imageId: string; readonly networkId: string; readonly index: number },
): Promise<string> {
  const image = await paas.engine.images.inspect(imageId);
  const { containers } = paas.engine;
  const id = await containers.create({
    name: `paas-bench-${app}-${process.pid}-${index}`,
    image: imageId,
    sandbox: 'app',
    labels: { 'paas.bench': String(process.pid) },
    user: '10001:10001',
    entrypoint: [...(image?.config.entrypoint ?? []), 'web'],
    command: [],
    env: { PORT: '5000', DYNO: 'web.1', PAAS_RELEASE: 'v0', HOME: '/app' },
    memoryBytes: 512 * 1024 * 1024,
    cpus: 2,
    networks: [{ id: networkId, aliases: [], when: 'start' }],
  });
  await containers.start(id);
  const address = (await containers.inspect(id))?.address;
  if (!address) throw new Error('the floor container has no address');
  while (!(await listens(address, 5000))) await new Promise((resolve) => setTimeout(resolve, 5));
  return id;
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
    socket.setTimeout(500, () => end(false));
  });
}
