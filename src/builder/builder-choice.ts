import { PlatformError } from '../domain/errors.ts';
import type { Procfile } from '../domain/procfile.ts';
import { leftOut, missingProgram, unsupportedLanguage } from './languages.ts';
import type { PackageFacts } from './package-facts.ts';

/** What decides which builder a source gets. */
export interface ChoiceFacts {
  /** All files and links of the source. */
  readonly paths: ReadonlySet<string>;
  readonly packageJson: PackageFacts | null;
  readonly procfile: Procfile | null;
}

/** The builder of a source, and the rule that chose it. */
export interface BuilderChoice {
  readonly kind: 'dockerfile' | 'buildpack';
  /** The ids of the buildpacks, one after the other; none for a Dockerfile. */
  readonly buildpacks: readonly string[];
  /** Sentences for the pusher: which rule decided, and how to get another builder. */
  readonly reasons: readonly string[];
  /** Files of the source that this builder leaves out. */
  readonly warnings: readonly string[];
}

type Chosen = Omit<BuilderChoice, 'warnings'>;

const node = ['paas/nodejs'];
const staticSite = ['paas/static'];
const builtSite = ['paas/nodejs', 'paas/static'];
const program = ['paas/procfile'];

/** Packages that answer HTTP requests. An app that depends on one is a server, even with an index.html beside it. */
const serverPackages: ReadonlySet<string> = new Set([
  ...[
    'express',
    'fastify',
    'fastify-cli',
    'koa',
    'hapi',
    '@hapi/hapi',
    'connect',
    'restify',
    'polka',
    'micro',
    'sirv-cli',
  ],
  ...[
    'next',
    'nuxt',
    'nitro',
    'nitropack',
    'h3',
    'hono',
    '@hono/node-server',
    'elysia',
    'uWebSockets.js',
    'hyper-express',
  ],
  ...['@nestjs/core', '@adonisjs/core', '@feathersjs/feathers', '@feathersjs/express', 'sails', 'meteor-node-stubs'],
  ...['@loopback/rest', '@midwayjs/core', 'egg', 'total4', 'total5', 'moleculer-web', '@marblejs/core', 'restana'],
  ...['@remix-run/serve', '@remix-run/express', '@remix-run/node', '@react-router/serve', '@react-router/node'],
  ...['@sveltejs/adapter-node', '@astrojs/node', '@angular/ssr', '@nguniversal/express-engine', '@solidjs/start'],
  ...['socket.io', 'ws', 'sockjs', 'faye', 'primus', 'engine.io', '@trpc/server', 'json-server', 'http-proxy'],
  ...['apollo-server', 'apollo-server-express', '@apollo/server', 'graphql-yoga', '@strapi/strapi', 'strapi', 'ghost'],
  ...[
    '@keystone-6/core',
    'parse-server',
    'node-red',
    '@slack/bolt',
    'probot',
    'http-proxy-middleware',
    'serve-handler',
  ],
]);

/** Programs that serve the files of a folder. They make a server only of an app that has something to start. */
const fileServers: ReadonlySet<string> = new Set([
  ...['serve', 'http-server', 'serve-static', 'node-static', 'live-server', 'local-web-server', 'superstatic', 'sirv'],
]);

/** Programs of site generators and their development servers. Beside a build script, the pages of the build can be served. */
const siteTools: ReadonlySet<string> = new Set([
  ...['react-scripts', 'craco', 'react-app-rewired', 'vue-cli-service', 'ng', 'vite', 'webpack', 'webpack-dev-server'],
  ...['parcel', 'rsbuild', 'snowpack', 'gulp', 'grunt', 'browser-sync', 'live-server', 'http-server', 'serve'],
  ...['astro', 'gatsby', 'docusaurus', 'eleventy', '@11ty/eleventy', 'vitepress', 'vuepress', 'hexo'],
]);

/** Names of files that Node.js starts without being told, before and after `main` of package.json. */
const entryNames = { beforeMain: ['server', 'index'], afterMain: ['app', 'main'] } as const;
const pages = ['index.html', 'public/index.html', 'index.htm', 'public/index.htm'];
/** Where builds and site generators leave pages. Served when nothing else in the source says what to do. */
const pageFolders = ['dist', 'build', 'out', '_site', 'public_html', 'docs'];

/** The rules, in their order: the first that applies decides. */
const rules: readonly ((facts: ChoiceFacts) => Chosen | null)[] = [
  byDockerfile,
  byProcfileForPages,
  byProcfileForNode,
  byBrokenPackageJson,
  byStartScript,
  byStaticSettings,
  byServerPackage,
  byProcfile,
  byPage,
  byEntryFile,
  byUnsupportedLanguage,
  byBuildScript,
  byPageFolder,
  byPackageJson,
  byEmptyProcfile,
];

/**
 * Which builder the source gets, and why. Null when no rule knows the source. Throws `no_app_detected` for a source that
 * no builder of this version can run, with the language and the next step.
 */
export function chooseBuilder(facts: ChoiceFacts): BuilderChoice | null {
  for (const rule of rules) {
    const chosen = rule(facts);
    if (!chosen) continue;
    return { ...chosen, warnings: chosen.kind === 'dockerfile' ? [] : leftOut(facts.paths) };
  }
  return null;
}

const startScriptLine = (file: string) => `"scripts": { "start": "node ${file}" } in package.json`;

function byDockerfile({ paths }: ChoiceFacts): Chosen | null {
  if (!paths.has('Dockerfile')) return null;
  const reasons = ['A Dockerfile decides before all other files. To build with a buildpack, remove or rename it.'];
  return { kind: 'dockerfile', buildpacks: [], reasons };
}

/** `web: serve-static …` names the static buildpack's own program. */
function byProcfileForPages({ procfile, packageJson }: ChoiceFacts): Chosen | null {
  if (programOf(procfile?.get('web') ?? '') !== 'serve-static') return null;
  return buildpacks(
    packageJson?.buildScript ? builtSite : staticSite,
    'Procfile with "web: serve-static": served as a static site.',
    'For another program, change that line of the Procfile.',
  );
}

function byProcfileForNode({ paths, packageJson, procfile }: ChoiceFacts): Chosen | null {
  if (!procfile || procfile.size === 0) return null;
  refuseMissingProgram(procfile, paths, packageJson);
  const commands = [...procfile.values()];
  const usesNode = commands.some((command) => /(?:^|[\s;&|(])(?:node|npm|npx)(?:\s|$)/.test(command));
  const file = ['package.json', 'server.js', 'index.js'].find((name) => paths.has(name));
  if (!usesNode && file === undefined) return null;
  const because = file === undefined ? 'whose commands use Node.js' : `and ${file}`;
  return buildpacks(
    node,
    `Procfile ${because}: built with Node.js, and started as the Procfile says.`,
    procfile.has('web')
      ? hasPage(paths)
        ? 'To serve index.html as a static site, remove the Procfile, or give it the line web: serve-static'
        : 'For other commands, change the Procfile.'
      : 'The Procfile has no web, so nothing answers requests. To serve some, add a line such as web: node server.js',
  );
}

function byBrokenPackageJson({ packageJson }: ChoiceFacts): Chosen | null {
  if (!packageJson?.isBroken) return null;
  return buildpacks(
    node,
    'package.json is there, and cannot be read.',
    'To serve files as a static site, mend or remove it.',
  );
}

function byStartScript({ paths, packageJson }: ChoiceFacts): Chosen | null {
  // npm's own default for the start script is `node server.js` (npm docs, "scripts").
  const file = files('server').find((name) => paths.has(name));
  if (!packageJson?.startScript && file === undefined) return null;
  const subject = packageJson?.startScript ? 'the start script of package.json' : `node ${file}`;
  const settings = staticSettings(paths);
  const built = builtPages(packageJson);
  const served = built ?? (settings === undefined ? 'index.html' : `what ${settings} says`);
  const other = packageJson?.startScript ? 'remove the start script' : `rename ${file}`;
  return buildpacks(
    node,
    `${packageJson?.startScript ? 'package.json with a start script' : file}: run with Node.js, by ${subject}.`,
    built !== null || hasPage(paths)
      ? `To serve ${served} as a static site, ${other}, or add a Procfile with web: serve-static`
      : 'To start it in another way, add a Procfile, for example: web: node server.js',
  );
}

/** The pages that the build makes, when the start script is that of a site generator. */
function builtPages(packageJson: PackageFacts | null): string | null {
  const { startScript, buildScript } = packageJson ?? {};
  const program = programOf((startScript ?? '').replace(/^(?:npx|cross-env)\s+/, ''));
  return buildScript && siteTools.has(program) ? `the pages of npm run ${buildScript}` : null;
}

function byStaticSettings({ paths, packageJson, procfile }: ChoiceFacts): Chosen | null {
  const file = staticSettings(paths);
  if (file === undefined || (procfile && procfile.size > 0)) return null;
  return pagesChoice(`${file} and no start script or Procfile`, {
    file: entryFile({ paths, packageJson }),
    packageJson,
  });
}

function byServerPackage({ paths, packageJson }: ChoiceFacts): Chosen | null {
  const file = entryFile({ paths, packageJson });
  const isServer = (name: string) => serverPackages.has(name) || (file !== null && fileServers.has(name));
  const name = packageJson?.dependencies.find(isServer);
  if (name === undefined) return null;
  return buildpacks(
    node,
    `package.json depends on ${name}, a server package: run with Node.js.`,
    hasPage(paths)
      ? 'To serve index.html as a static site, move that package to devDependencies, or add a Procfile with web: serve-static'
      : `To choose what it starts: ${startScriptLine(file ?? 'server.js')}`,
  );
}

function byProcfile({ paths, procfile }: ChoiceFacts): Chosen | null {
  if (!procfile || procfile.size === 0) return null;
  return buildpacks(
    program,
    'Procfile: its commands are started with the programs of the source and of the stack.',
    hasPage(paths)
      ? 'To serve index.html as a static site, remove the Procfile, or give it the line web: serve-static'
      : 'For Node.js, add a package.json; for any other language, a Dockerfile.',
  );
}

function byPage({ paths, packageJson }: ChoiceFacts): Chosen | null {
  const page = pages.find((path) => paths.has(path));
  if (page === undefined) return null;
  const file = entryFile({ paths, packageJson });
  return pagesChoice(`${page} and no start script, Procfile or server package`, { file, packageJson });
}

function byEntryFile({ paths, packageJson }: ChoiceFacts): Chosen | null {
  const file = entryFile({ paths, packageJson });
  if (file === null) return null;
  return buildpacks(
    node,
    packageJson
      ? `package.json and ${file}: run with Node.js, by node ${file}.`
      : `${file} without a package.json: run with the default version of Node.js, by node ${file}.`,
    `To change that: ${startScriptLine(file)}, or a Procfile with web: node ${file}`,
  );
}

function byUnsupportedLanguage({ paths, packageJson, procfile }: ChoiceFacts): Chosen | null {
  if (procfile) return null;
  const notice = unsupportedLanguage(packageJson ? withoutPackages(paths) : paths);
  if (!notice) return null;
  const folder = pageFolder(paths);
  const pagesHint =
    folder && ` To serve the folder ${folder} as a static site, add a static.json: { "root": "${folder}" }`;
  throw new PlatformError('no_app_detected', notice.message, { hint: `${notice.hint}${pagesHint ?? ''}` });
}

function byBuildScript({ packageJson }: ChoiceFacts): Chosen | null {
  if (!packageJson?.buildScript) return null;
  // The build makes what starts. `npm init` writes index.js for every package, so that name says nothing.
  if (packageJson.main !== null && packageJson.main !== 'index.js') return null;
  return pagesChoice('package.json with a build script and nothing to start', { file: null, packageJson });
}

function byPageFolder({ paths, packageJson, procfile }: ChoiceFacts): Chosen | null {
  const folder = pageFolder(paths);
  if (folder === undefined || procfile || packageJson?.buildScript) return null;
  return buildpacks(
    staticSite,
    `${folder}/index.html, and nothing else to run: the folder ${folder} is served as a static site.`,
    'To serve another folder, add a static.json such as { "root": "public" }',
  );
}

function byPackageJson({ packageJson }: ChoiceFacts): Chosen | null {
  if (!packageJson) return null;
  const change = 'To serve files as a static site, add an index.html or a static.json.';
  return buildpacks(node, 'package.json: built with Node.js.', change);
}

function byEmptyProcfile({ procfile }: ChoiceFacts): Chosen | null {
  return procfile && buildpacks(program, 'Procfile without a process type.', 'Add a line such as web: node server.js');
}

/** A static site, built first when package.json has a build script. */
function pagesChoice(
  because: string,
  { file, packageJson }: { readonly file: string | null; readonly packageJson: PackageFacts | null },
): Chosen {
  const change = `To run it with Node.js, add ${startScriptLine(file ?? 'server.js')}, or a Procfile with web: node ${file ?? 'server.js'}`;
  return packageJson?.buildScript
    ? buildpacks(
        builtSite,
        `${because}: built with npm run ${packageJson.buildScript}, then served as a static site.`,
        change,
      )
    : buildpacks(staticSite, `${because}: served as a static site.`, change);
}

function buildpacks(ids: readonly string[], ...reasons: readonly string[]): Chosen {
  return { kind: 'buildpack', buildpacks: ids, reasons };
}

function staticSettings(paths: ReadonlySet<string>): string | undefined {
  return ['static.json', 'Staticfile'].find((name) => paths.has(name));
}

function pageFolder(paths: ReadonlySet<string>): string | undefined {
  return pageFolders.find((name) => paths.has(`${name}/index.html`));
}

function hasPage(paths: ReadonlySet<string>): boolean {
  return pages.some((path) => paths.has(path)) || staticSettings(paths) !== undefined;
}

/** The file that Node.js would start: one of the usual names, or `main` of package.json. The Node.js buildpack has the same order. */
function entryFile({ paths, packageJson }: Pick<ChoiceFacts, 'paths' | 'packageJson'>): string | null {
  const main = packageJson?.main?.replace(/^\.\//, '');
  const ofMain = main === undefined ? [] : [main, `${main}.js`, `${main}/index.js`];
  const candidates = [...entryNames.beforeMain.flatMap(files), ...ofMain, ...entryNames.afterMain.flatMap(files)];
  return candidates.find((path) => paths.has(path)) ?? null;
}

function files(name: string): readonly string[] {
  return ['js', 'mjs', 'cjs'].map((extension) => `${name}.${extension}`);
}

/** A package.json explains JavaScript's own files: the Node.js buildpack reports what is wrong with them. */
function withoutPackages(paths: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...paths].filter((path) => !/^(?:deno\.|bun\.|bunfig|tsconfig|[^/]+\.[mc]?tsx?$)/.test(path)));
}

/** The first word of a command that is no assignment and no prefix such as exec. */
function programOf(command: string): string {
  const words = command.trim().split(/\s+/);
  return words.find((word) => !/^(?:[A-Za-z_]\w*=.*|exec|env|nohup|time)$/.test(word)) ?? '';
}

/**
 * Refuses a web process of a language that the image does not have. A source with `.profile` or `.profile.d` may bring
 * the program itself; a package may bring a program of the same name.
 */
function refuseMissingProgram(procfile: Procfile, paths: ReadonlySet<string>, packageJson: PackageFacts | null): void {
  const name = programOf(procfile.get('web') ?? '');
  const isInSource = name.includes('/') && paths.has(name.replace(/^\.\//, ''));
  const bringsPrograms = [...paths].some((path) => path === '.profile' || path.startsWith('.profile.d/'));
  if (isInSource || bringsPrograms || packageJson?.dependencies.includes(name)) return;
  const notice = missingProgram(name, paths);
  if (!notice) return;
  const message = `web would start ${name}, which is not in the image. ${notice.message}`;
  throw new PlatformError('no_app_detected', message, { hint: notice.hint });
}
