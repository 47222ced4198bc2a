export type GitService = 'git-receive-pack' | 'git-upload-pack';

/** What a git client asks for (gitprotocol-http(5)). The app's name is unchecked text of the right form. */
export type GitRoute =
  | { readonly kind: 'advertise'; readonly service: GitService; readonly appName: string }
  | { readonly kind: 'serve'; readonly service: GitService; readonly appName: string };

const suffixes: Readonly<Record<string, GitRoute['kind']>> = {
  'info/refs': 'advertise',
  'git-receive-pack': 'serve',
  'git-upload-pack': 'serve',
};

/** An app's name and nothing else: no dot, slash, percent sign or capital letter gets past this. */
const path = /^\/([a-z][a-z0-9-]{0,29})(?:\.git)?\/(info\/refs|git-receive-pack|git-upload-pack)$/;
const looksLikeGit = /\.git(?:\/|$)|\/(?:info\/refs|git-receive-pack|git-upload-pack)$/;

/** True for every request that a git client, or one who plays it, makes: also those that `parseGitRoute` refuses. */
export function isGitUrl(url: string): boolean {
  return looksLikeGit.test(pathOf(url));
}

/** `git.<domain>`, with any port. */
export function isGitHostname(host: string | undefined, domain: string): boolean {
  return (host ?? '').toLowerCase().replace(/:\d*$/, '') === `git.${domain}`;
}

/** Null for everything that is none of the six requests of the smart protocol, the dumb protocol's among them. */
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
