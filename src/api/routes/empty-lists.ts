import type { emptyListEndpoints } from '../contract/empty-lists.ts';
import type { Routes } from '../route-types.ts';

const none = async () => [];

export const emptyListRoutes: Pick<Routes, keyof typeof emptyListEndpoints> = {
  listAddons: none,
  listAppAddons: none,
  listAddonAttachments: none,
  listAppAddonAttachments: none,
  listSniEndpoints: none,
  listAccountFeatures: none,
  listKeys: none,
  listPipelines: none,
  listAppFeatures: none,
  listBuildpackInstallations: none,
  listLogDrains: none,
};
