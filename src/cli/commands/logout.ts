import { findCredential, knownGitOrigins, removeCredential } from '../../config/credentials.ts';
import type { DefineCommand } from '../command.ts';

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const { env } = session.io;
    const { apiUrl } = session.platform();
    const credential = findCredential(env, apiUrl);
    await session.progress(`Logging out of ${apiUrl}`, async (progress) => {
      if (!credential) return progress.end('done, you were not logged in');
      removeCredential(env, { apiUrl, gitOrigins: knownGitOrigins(env, credential.token) });
      progress.end(`done, ${credential.email}`);
    });
    if (session.json) session.printJson({ api: apiUrl, email: credential?.email ?? null });
  });
};

export default define;
