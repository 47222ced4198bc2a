export type GitService = 'git-receive-pack' | 'git-upload-pack';

/** A request of git's smart protocol (gitprotocol-http(5)). The app's name has the right form, but may not exist. */
export type GitRoute =
  | { readonly kind: 'advertise'; readonly service: GitService; readonly appName: string }
  | { readonly kind: 'serve'; readonly service: GitService; readonly appName: string };

const suffixes: Readonly<Record<string, GitRoute['kind']>> = {
  'info/refs': 'advertise',
  'git-receive-pack': 'serve',
  'git-upload-pack': 'serve',
};

/** Matches an app's name and nothing else: no dot, slash, percent sign or capital letter. */
const path = /^\/([a-z][a-z0-9-]{0,29})(?:\.git)?\/(info\/refs|git-receive-pack|git-upload-pack)$/;
const looksLikeGit = /\.git(?:\/|$)|\/(?:info\/refs|git-receive-pack|git-upload-pack)$/;

/** True for every path that looks like git's, also for those that `parseGitRoute` refuses. */
export function isGitUrl(url: string): boolean {
  return looksLikeGit.test(pathOf(url));
}

/** Whether a `Host` header names `git.<domain>`, with any port. */
export function isGitHostname(host: string | undefined, domain: string): boolean {
  return (host ?? '').toLowerCase().replace(/:\d*$/, '') === `git.${domain}`;
}

/** Null for everything that is not one of the six requests of the smart protocol. The dumb protocol is not served. */
export function parseGitRoute(url: string): GitRoute | null {
  const [, appName, suffix = ''] = path.exec(pathOf(url)) ?? [];
  const kind = suffixes[suffix];
  if (appName === undefined || kind === undefined) return null;
  if (kind === 'serve') return isService(suffix) && queryOf(url) === '' ? { kind, service: suffix, appName } : null;
  const service = /^service=([a-z-]+)$/.exec(queryOf(url))?.[1] ?? '';
  return isService(service) ? { kind, service, appName } : null;
}

function isService(text: string): text is GitService {
  return text === 'git-receive-pack' || text === 'git-upload-pack';
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

function queryOf(url: string): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}
