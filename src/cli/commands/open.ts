import { PlatformError } from '../../domain/errors.ts';
import { openBrowser } from '../browser.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { usageError } from '../errors.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[path]', 'a page of the app, such as /login')
    .action(async (path: string | undefined, flags: AppFlags) => {
      const name = await session.app(flags);
      const app = await (await session.api()).call('GET /apps/{app}', { params: { app: name } });
      const base = app.web_url === null ? null : URL.parse(app.web_url);
      if (base === null || !/^https?:$/.test(base.protocol)) {
        throw new PlatformError('not_found', `${app.name} has no address.`);
      }
      const url = new URL(path ?? '', base);
      if (url.origin !== base.origin) throw usageError(`${path} is not a page of ${app.name}.`);
      if (session.json) return session.printJson({ url: url.href });
      if (await openBrowser(url, session.io.env)) session.note(`Opened ${url.href}`);
      else session.print(url.href);
    });
  examples(command, [['paas open'], ['paas open /login --app shop']]);
};

export default define;
