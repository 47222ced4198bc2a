import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DefineCommand, examples } from '../command.ts';
import { Demo } from '../demo.ts';
import { usageError } from '../errors.ts';

const usualFolder = 'paas-demo';

const define: DefineCommand = (command, session) => {
  command
    .argument('[DIR]', `the folder for the sample app; without it ${usualFolder}`)
    .action(async (folder: string | undefined) => {
      const { cwd } = session.io;
      const path = folder === undefined ? await freeFolder(cwd) : await emptyFolder(cwd, folder);
      // If the platform does not answer, the demo writes no files.
      await (await session.api()).call('GET /account');
      const demo = new Demo(session, path);
      await demo.write();
      const app = await demo.create();
      await demo.push();
      const answer = await demo.visit(app);
      if (session.json) session.printJson({ app: app.name, folder: path, url: app.web_url, answer });
      else session.print(app.web_url ?? '');
    });
  examples(command, [['paas demo'], ['paas demo hello-world']]);
};

async function freeFolder(cwd: string): Promise<string> {
  for (let n = 1; ; n++) {
    const path = join(cwd, n === 1 ? usualFolder : `${usualFolder}-${n}`);
    if ((await contents(path)) === null) return path;
  }
}

async function emptyFolder(cwd: string, folder: string): Promise<string> {
  const path = resolve(cwd, folder);
  if (((await contents(path)) ?? []).length === 0) return path;
  throw usageError(`${folder} is not empty.`, 'Name a new folder: paas demo DIR');
}

async function contents(path: string): Promise<readonly string[] | null> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export default define;
