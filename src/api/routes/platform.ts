import type { Routes } from '../call.ts';
import type { ApiContext } from '../context.ts';
import { contract } from '../contract.ts';
import { openApiDocument } from '../openapi.ts';
import { regionOf, stackOf } from '../places.ts';

type PlatformRoutes = Pick<
  Routes,
  | 'health'
  | 'status'
  | 'schema'
  | 'listRegions'
  | 'listStacks'
  | 'listAddons'
  | 'listAppAddons'
  | 'listAddonAttachments'
  | 'listAppAddonAttachments'
  | 'listSniEndpoints'
>;

export function platformRoutes({ status, settings }: ApiContext): PlatformRoutes {
  const none = async () => [];
  return {
    async health(_, reply) {
      const { version, parts } = await status();
      const isUp = parts.every((part) => part.state === 'up');
      if (!isUp) reply.code(503);
      const versions = parts.flatMap((part) => (part.version === null ? [] : [[part.name, part.version] as const]));
      return { status: isUp ? 'ok' : 'degraded', versions: { paas: version, ...Object.fromEntries(versions) } };
    },
    status: () => status(),
    schema: async () => openApiDocument(contract),
    async listRegions() {
      const { started_at: since } = await status();
      return [
        {
          ...regionOf(settings),
          description: 'This platform',
          country: '',
          locale: '',
          private_capable: false,
          provider: { name: 'paas', region: settings.domain },
          created_at: since,
          updated_at: since,
        },
      ];
    },
    async listStacks() {
      const { started_at: since } = await status();
      return [{ ...stackOf(settings), state: 'public', default: true, created_at: since, updated_at: since }];
    },
    listAddons: none,
    listAppAddons: none,
    listAddonAttachments: none,
    listAppAddonAttachments: none,
    listSniEndpoints: none,
  };
}
