import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How this host reaches the Debian archive. Used while a stack is made, and never written into it. */
export interface HostApt {
  readonly archive: string;
  readonly security: string;
  /** Lines of apt.conf for proxies, certificates and retries. They may hold a proxy's password. */
  readonly options: readonly string[];
}

const publicArchive = 'http://deb.debian.org/debian';
const publicSecurity = 'http://deb.debian.org/debian-security';

/** `dump` is the output of `apt-config dump`; empty on a host without apt. */
export function hostApt(dump: string, etc = '/etc'): HostApt {
  const sources = readSources(join(etc, 'apt'));
  const codename = osRelease(etc).VERSION_CODENAME ?? '';
  return {
    archive: mirrorOf(sources, codename) ?? publicArchive,
    security: mirrorOf(sources, `${codename}-security`) ?? publicSecurity,
    options: transportOptions(dump),
  };
}

/** The path of Debian's keyring, which other distributions may have too; undefined when apt's own keys are used. */
export function debianKeyring(): string | undefined {
  const path = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return existsSync(path) ? path : undefined;
}

/** The one-line sources of `suite` at this host's mirror. Sid has no updates and no security suite. */
export function sourceLines(apt: HostApt, suite: string, keyring?: string): readonly string[] {
  const deb = keyring === undefined ? 'deb' : `deb [signed-by=${keyring}]`;
  const lines = [`${deb} ${apt.archive} ${suite} main`];
  if (suite === 'sid' || suite === 'unstable') return lines;
  return [...lines, `${deb} ${apt.archive} ${suite}-updates main`, `${deb} ${apt.security} ${suite}-security main`];
}

interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string;
}

/** Third parties may serve a `main` for the host's release too. They have their own keyring, and a mirror of Debian has Debian's. */
function mirrorOf(sources: readonly Source[], suite: string): string | undefined {
  const found = sources.find(
    (source) =>
      source.suites.includes(suite) &&
      source.components.includes('main') &&
      /^https?:\/\//.test(source.uri) &&
      (source.signedBy === '' || source.signedBy.includes('debian-archive')),
  );
  return found?.uri.replace(/\/+$/, '');
}

/** Only on Debian: the sources of another distribution, such as Ubuntu, are no mirror of Debian. */
function readSources(apt: string): readonly Source[] {
  if (osRelease(join(apt, '..')).ID !== 'debian') return [];
  const parts = list(join(apt, 'sources.list.d')).map((name) => join(apt, 'sources.list.d', name));
  return [join(apt, 'sources.list'), ...parts].flatMap((path) => {
    if (path.endsWith('.list')) return parseOneLine(read(path));
    return path.endsWith('.sources') ? parseDeb822(read(path)) : [];
  });
}

export function parseOneLine(text: string): readonly Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (!match?.[2] || !match[3]) return [];
    const signedBy = /signed-by=(\S+)/.exec(match[1] ?? '')?.[1] ?? '';
    return [{ uri: match[2], suites: [match[3]], components: words(match[4]), signedBy }];
  });
}

export function parseDeb822(text: string): readonly Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1] ?? '';
    if (!words(field('Types')).includes('deb') || /^no$/i.test(field('Enabled').trim())) return [];
    const suites = words(field('Suites'));
    const components = words(field('Components'));
    return words(field('URIs')).map((uri) => ({ uri, suites, components, signedBy: field('Signed-By').trim() }));
  });
}

/** Of apt's options, only those that decide how it reaches a server. */
function transportOptions(dump: string): readonly string[] {
  const wanted = /^Acquire::(https?::|ftp::|Check-|Retries|ForceIPv|Proxy)[\w:./*-]* ".+";$/i;
  return dump.split('\n').filter((line) => wanted.test(line));
}

function osRelease(etc: string): Readonly<Record<string, string | undefined>> {
  const lines = read(join(etc, 'os-release')).split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=', 2)).map(([k, v]) => [k, v?.replaceAll('"', '')]));
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
