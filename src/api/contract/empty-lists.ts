import { z } from 'zod';
import { appParam, endpoint } from './endpoint.ts';

const what = { response: z.array(z.never()), range: ['id', 'name'] } as const;

function emptyList<const P extends string>(path: P, tag: string, summary: string) {
  return endpoint({ method: 'GET', path, tag, summary, ...what });
}

function emptyListOfApp<const P extends string>(path: P, tag: string, summary: string) {
  return endpoint({ method: 'GET', path, tag, summary, params: appParam, ...what });
}

/** Lists of things that the platform does not have yet. Heroku's client reads them and needs an answer. */
export const emptyListEndpoints = {
  listAddons: emptyList('/addons', 'add-ons', 'Services of all apps'),
  listAppAddons: emptyListOfApp('/apps/{app}/addons', 'add-ons', 'Services of an app'),
  listAddonAttachments: emptyList('/addon-attachments', 'add-ons', 'Bindings of services to all apps'),
  listAppAddonAttachments: emptyListOfApp('/apps/{app}/addon-attachments', 'add-ons', 'Bindings of services to an app'),
  listSniEndpoints: emptyListOfApp('/apps/{app}/sni-endpoints', 'domains', 'Certificates of an app'),
  listAccountFeatures: emptyList('/account/features', 'account', 'Features of the account'),
  listKeys: emptyList('/account/keys', 'account', 'SSH keys of the account'),
  listPipelines: emptyList('/pipelines', 'apps', 'Pipelines'),
  listAppFeatures: emptyListOfApp('/apps/{app}/features', 'apps', 'Features of an app'),
  listBuildpackInstallations: emptyListOfApp(
    '/apps/{app}/buildpack-installations',
    'builds',
    'Buildpacks chosen by hand; without any the source decides',
  ),
  listLogDrains: emptyListOfApp('/apps/{app}/log-drains', 'logs', 'Where the log of an app goes besides'),
};
