import { readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Environment, environment } from '../config/environment.ts';

/**
 * The path of the host's certificates in a build. The file exists in both stacks, and in the build stack it belongs to the
 * build's user: `caBundle` overwrites it before anything else runs. It is outside of the app, so no layer holds it. A
 * buildpack that copies these variables into the image names a file that the run stack has too.
 */
export const caBundlePath = '/etc/ssl/certs/ca-certificates.crt';

/** What a build needs to reach the registries from this host. For builds only: nothing of it may get into an image or a log. */
export interface HostTrust {
  /** The host's certificate authorities as PEM; null when no bundle is found at a known path. */
  readonly caBundle: Buffer | null;
  /** Certificate variables for every language, proxy variables, and the host's package mirrors. */
  readonly env: Readonly<Record<string, string>>;
}

/** The variables of tools that do not read the system's bundle, or not first. */
const caVariables = [
  ...['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'NODE_EXTRA_CA_CERTS', 'npm_config_cafile'],
  ...['YARN_HTTPS_CA_FILE_PATH', 'DENO_CERT', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'AWS_CA_BUNDLE', 'HTTPLIB2_CA_CERTS'],
  ...['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH', 'CARGO_HTTP_CAINFO', 'BUNDLE_SSL_CA_CERT', 'PERL_LWP_SSL_CA_FILE'],
  ...['NIX_SSL_CERT_FILE'],
] as const;

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'] as const;

/** Settings of package mirrors that builds get unchanged. Tokens are not among them, because a build runs untrusted code. */
const mirrorVariables = [
  ...[
    'PIP_INDEX_URL',
    'PIP_EXTRA_INDEX_URL',
    'PIP_TRUSTED_HOST',
    'PIP_DEFAULT_TIMEOUT',
    'UV_DEFAULT_INDEX',
    'UV_INDEX',
  ],
  ...['GOPROXY', 'GONOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GOFLAGS', 'GOPRIVATE', 'GOINSECURE'],
  ...['npm_config_registry', 'COREPACK_NPM_REGISTRY', 'YARN_NPM_REGISTRY_SERVER', 'NPM_CONFIG_REGISTRY'],
  ...['CARGO_REGISTRIES_CRATES_IO_PROTOCOL', 'BUNDLE_MIRROR__ALL'],
] as const;

const bundlePaths = [caBundlePath, '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/ssl/cert.pem'];

/** Reads the host's settings at every call, so a changed proxy or bundle applies to the next build. */
export function hostTrust(env: Environment = environment()): HostTrust {
  const npm = npmSettings(env);
  const caBundle = readBundle([...extraBundles(env), npm.cafile]);
  const registry = env.npm_config_registry ?? env.NPM_CONFIG_REGISTRY ?? npm.registry;
  return {
    caBundle,
    env: {
      ...(caBundle === null ? {} : Object.fromEntries(caVariables.map((name) => [name, caBundlePath]))),
      ...pick(readAssignments(join(configHome(env), 'go', 'env')), mirrorVariables),
      ...pipSettings(env),
      ...pick(env, mirrorVariables),
      ...(registry === undefined ? {} : { npm_config_registry: registry, COREPACK_NPM_REGISTRY: registry }),
      ...proxies(env, npm),
    },
  };
}

/** The host's bundle, followed by the further bundles that the settings of its tools name. */
function readBundle(extraPaths: readonly (string | undefined)[]): Buffer | null {
  const system = bundlePaths.find((path) => readText(path) !== undefined);
  const paths = new Set([system, ...extraPaths].flatMap((path) => realPath(path) ?? []));
  const texts = new Set([...paths].flatMap((path) => readText(path)?.trim() ?? []));
  const pem = [...texts].filter((text) => text.includes('-----BEGIN CERTIFICATE-----'));
  return pem.length === 0 ? null : Buffer.from(`${pem.join('\n')}\n`);
}

function extraBundles(env: Environment): readonly (string | undefined)[] {
  return [env.SSL_CERT_FILE, env.NODE_EXTRA_CA_CERTS, env.CURL_CA_BUNDLE, env.npm_config_cafile];
}

/** Sets both spellings, because tools read one or the other. The host's lower-case variable wins, as in curl. */
function proxies(env: Environment, npm: Readonly<Record<string, string>>): Record<string, string> {
  const npmProxies: Readonly<Record<string, string | undefined>> = {
    HTTP_PROXY: npm.proxy,
    HTTPS_PROXY: npm['https-proxy'] ?? npm.proxy,
    NO_PROXY: npm.noproxy,
  };
  const found: Record<string, string> = {};
  for (const name of proxyVariables) {
    const value = env[name.toLowerCase()] ?? env[name] ?? npmProxies[name];
    if (value) Object.assign(found, { [name]: value, [name.toLowerCase()]: value });
  }
  return found;
}

/** The user's npmrc overrides the machine's. The value `null`, one of npm's defaults, means not set. */
function npmSettings(env: Environment): Readonly<Record<string, string>> {
  const home = env.HOME ?? homedir();
  const files = ['/etc/npmrc', '/usr/etc/npmrc', '/usr/local/etc/npmrc', env.npm_config_globalconfig];
  const user = env.npm_config_userconfig ?? join(home, '.npmrc');
  const all = Object.assign({}, ...[...files, user].map((path) => readAssignments(path)));
  return Object.fromEntries(Object.entries<string>(all).filter(([, value]) => value !== 'null'));
}

function pipSettings(env: Environment): Record<string, string> {
  const home = env.HOME ?? homedir();
  const files = ['/etc/pip.conf', join(home, '.pip', 'pip.conf'), join(configHome(env), 'pip', 'pip.conf')];
  const settings: Record<string, string> = Object.assign({}, ...files.map((path) => readAssignments(path)));
  const renamed: Record<string, string> = {};
  for (const key of ['index-url', 'extra-index-url', 'trusted-host', 'timeout']) {
    const value = settings[key];
    const name = key === 'timeout' ? 'PIP_DEFAULT_TIMEOUT' : `PIP_${key.toUpperCase().replaceAll('-', '_')}`;
    if (value) renamed[name] = value;
  }
  return renamed;
}

/** The `key = value` lines of an npmrc, a pip.conf or a `go env` file; none when the file does not exist. */
function readAssignments(path: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of (readText(path) ?? '').split('\n')) {
    const match = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] && match[2]) found[match[1]] = match[2].replace(/^"(.*)"$/, '$1');
  }
  return found;
}

function pick(from: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (from[name] ? [[name, from[name]]] : [])));
}

function configHome(env: Environment): string {
  return env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config');
}

function realPath(path: string | undefined): string | undefined {
  try {
    return path ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined when the file does not exist or may not be read. */
function readText(path: string | undefined): string | undefined {
  try {
    return path ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}
