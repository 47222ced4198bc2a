import {
  findCredential,
  gitCredentialsPath,
  knownGitOrigins,
  saveCredential,
  saveGitToken,
} from '../config/credentials.ts';
import { currentBranch, gitSettings, insideRepository, parseGitUrl, setRemote, useCredentialStore } from './git.ts';
import type { Session } from './session.ts';

/**
 * Makes `git push REMOTE` work in this folder's repository. Adds the remote, and a credential helper for the platform's git
 * server, so that git never asks for a password. Outside a repository it only saves the token for git. If the remote exists
 * and points elsewhere, it warns and changes nothing, unless `replace` is set. Returns whether the remote was set.
 */
export async function addAppRemote(
  session: Session,
  app: { readonly name: string; readonly git_url: string },
  remote: { readonly name: string; readonly replace: boolean; readonly folder?: string },
): Promise<boolean> {
  const { origin } = parseGitUrl(app.git_url);
  keepTokenForGit(session, origin);
  const here = { env: session.io.env, cwd: remote.folder ?? session.io.cwd };
  if (!(await insideRepository(here))) {
    session.note(`No git repository here. In the app's folder: git init, then paas git:remote --app ${app.name}`);
    return false;
  }
  const known = (await gitSettings(here)).remotes.find(({ name }) => name === remote.name);
  if (known && known.url !== app.git_url && !remote.replace) {
    session.warn(
      `The git remote ${remote.name} points to ${known.url} and was not changed.\nTo push to ${app.name} from here, run: paas git:remote --app ${app.name} --remote ${app.name}`,
    );
    return false;
  }
  await setRemote(here, { name: remote.name, url: app.git_url });
  await useCredentialStore(here, origin, gitCredentialsPath(session.io.env));
  if (remote.replace) return true;
  const branch = await currentBranch(here);
  const deployed = branch === 'main' || branch === 'master' || branch === null;
  session.note(
    `Git remote ${remote.name} added. Deploy with: git push ${remote.name} ${deployed ? (branch ?? 'HEAD:main') : `${branch}:main`}`,
  );
  return true;
}

function keepTokenForGit(session: Session, origin: string): void {
  const { env } = session.io;
  const { apiUrl, token, remembered } = session.platform();
  if (token === undefined || knownGitOrigins(env, token).includes(origin)) return;
  const credential = remembered ? findCredential(env, apiUrl) : null;
  if (credential) saveCredential(env, credential, { apiUrl, gitOrigins: [origin] });
  else saveGitToken(env, origin, token);
}
