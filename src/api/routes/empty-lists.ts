import type { Routes } from '../call.ts';
import type { emptyListEndpoints } from '../contract/empty-lists.ts';

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
